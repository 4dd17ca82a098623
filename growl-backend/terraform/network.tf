data "aws_availability_zones" "available" {
  state = "available"

  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

resource "aws_vpc" "main" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = local.name }
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id

  tags = { Name = local.name }
}

resource "aws_subnet" "public" {
  count = 2

  vpc_id            = aws_vpc.main.id
  cidr_block        = cidrsubnet(var.cidr, 8, count.index)
  availability_zone = sort(data.aws_availability_zones.available.names)[count.index]

  # Instances reach packages, the registry and SSM through their public address, because there is no NAT gateway. The
  # subnet gives it to them. If the attribute were the instance's, a stopped instance, which has no public address,
  # would be planned as a replacement.
  map_public_ip_on_launch = true

  tags = { Name = "${local.name}-${count.index}" }

  lifecycle {
    # A zone that AWS opens later must not move what is there.
    ignore_changes = [availability_zone]
  }
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }

  tags = { Name = local.name }
}

resource "aws_route_table_association" "public" {
  count = length(aws_subnet.public)

  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}

# The way to port 22 without opening it: `aws ec2-instance-connect open-tunnel`
# as a ProxyCommand ends here, for whom IAM allows it.
resource "aws_ec2_instance_connect_endpoint" "main" {
  subnet_id          = aws_subnet.public[0].id
  security_group_ids = [aws_security_group.instance_connect.id]
  preserve_client_ip = false

  tags = { Name = local.name }
}
