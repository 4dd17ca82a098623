locals {
  env_path   = var.env_file != "" ? var.env_file : "${path.module}/.env.${var.environment}"
  env_sha256 = filesha256(local.env_path)

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
      repository      = local.repository.url
      registry_region = var.registry_region
    }
  }

  user_data = {
    for name, values in local.first_boot : name =>
    templatefile("${path.module}/cloud-init.yaml.tftpl", merge(values, { env = sensitive(filebase64(local.env_path)) }))
  }

  first_boot_sha256 = {
    for name, values in local.first_boot : name =>
    sha256(templatefile("${path.module}/cloud-init.yaml.tftpl", merge(values, { env = "" })))
  }

  # Where an instance finds its SSH host key and certificate.
  host_keys = "/growl-backend/${var.environment}/ssh-host"
}

check "somebody_can_log_in" {
  assert {
    condition     = length(var.ssh_authorized_keys) > 0
    error_message = "ssh_authorized_keys is empty: deploys cannot log in on new instances, except with keys pushed by EC2 Instance Connect."
  }
}
