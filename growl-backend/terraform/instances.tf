# The newest Amazon Linux 2023. An instance keeps the image it was made from
# until something else replaces it.
data "aws_ssm_parameter" "amazon_linux" {
  name = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-${var.architecture}"
}

resource "aws_instance" "service" {
  for_each = var.instances

  ami                    = data.aws_ssm_parameter.amazon_linux.insecure_value
  instance_type          = var.instance_type
  subnet_id              = aws_subnet.public[each.value.zone].id
  private_ip             = each.value.address
  vpc_security_group_ids = [aws_security_group.instance.id]
  iam_instance_profile   = aws_iam_instance_profile.instance[each.key].name

  # It keeps people from terminating an instance by hand. The provider turns it off itself for an instance that it
  # replaces or removes.
  disable_api_termination = var.environment == "prod"

  user_data                   = local.user_data[each.key]
  user_data_replace_on_change = true

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    encrypted   = true
    volume_type = "gp3"
    volume_size = var.disk_gigabytes
  }

  # The SHA-256 of the env file and of the rest of the user data, so that a changed env file can be told from a changed
  # first boot.
  tags = {
    Name               = each.key
    "env-sha256"       = local.env_sha256
    "firstboot-sha256" = local.first_boot_sha256[each.key]
  }

  lifecycle {
    ignore_changes = [ami]

    precondition {
      condition     = length(local.user_data[each.key]) <= 16384
      error_message = "User data is larger than the 16 KiB that EC2 takes: shorten ssh_authorized_keys."
    }
  }
}

