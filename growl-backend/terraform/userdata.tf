locals {
  env_path   = var.env_file != "" ? var.env_file : "${path.module}/.env.${var.environment}"
  env_sha256 = filesha256(local.env_path)

  # SSM refuses values with {{ }}, and this form has none. It is the exact file, compressed.
  env_value = sensitive(base64gzip(file(local.env_path)))

  first_boot = {
    for name, instance in var.instances : name => {
      environment     = var.environment
      name            = name
      user            = local.deploy_user
      authorized_keys = var.ssh_authorized_keys
      region          = var.region
      host_key        = "${local.host_keys}/${name}"
      first_boot      = base64encode(file("${path.module}/first-boot.sh"))
      host_key_script = base64encode(file("${path.module}/host-key.sh"))
      env_file_script = base64encode(file("${path.module}/env-file.sh"))
      repository      = data.aws_ecr_repository.service.repository_url
      registry_region = var.registry_region
      service_port    = var.service_port

      # The reference makes a targeted apply of an instance write the parameter first.
      env_parameter = aws_ssm_parameter.env.name
    }
  }

  user_data = {
    for name, values in local.first_boot : name =>
    templatefile("${path.module}/cloud-init.yaml.tftpl", merge(values, { env_sha256 = local.env_sha256 }))
  }

  first_boot_sha256 = {
    for name, values in local.first_boot : name =>
    sha256(templatefile("${path.module}/cloud-init.yaml.tftpl", merge(values, { env_sha256 = "" })))
  }

  # Where an instance finds its SSH host key and certificate.
  host_keys = "/growl-backend/${var.environment}/ssh-host"
}

# The service's variables. value_wo is write-only: neither the plan nor the state holds it. An instance reads it at its
# first boot with a role of its own.
resource "aws_ssm_parameter" "env" {
  name        = "/growl-backend/${var.environment}/env"
  description = "The service's env file: gzip, then base64"
  type        = "SecureString"
  tier        = "Intelligent-Tiering"

  value_wo = local.env_value

  # Another file is another version. 13 hexadecimal digits are 52 bits, which a JSON number holds exactly.
  value_wo_version = parseint(substr(local.env_sha256, 0, 13), 16)

  tags = {
    "env-sha256" = local.env_sha256
  }

  lifecycle {
    precondition {
      condition     = nonsensitive(length(local.env_value)) <= 8192
      error_message = "${local.env_path} is ${nonsensitive(length(local.env_value))} characters after gzip and base64, and an SSM parameter holds at most 8192: shorten it."
    }
  }
}

check "somebody_can_log_in" {
  assert {
    condition     = length(var.ssh_authorized_keys) > 0
    error_message = "ssh_authorized_keys is empty: deploys cannot log in on new instances, except with keys pushed by EC2 Instance Connect."
  }
}
