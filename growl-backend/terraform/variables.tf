variable "environment" {
  description = "Name of the environment, the same as the workspace's."
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "environment is dev or prod."
  }
}

variable "region" {
  description = "Region of the instances and the load balancer."
  type        = string
}

variable "registry_region" {
  description = "Region of the image repository, the same for all environments."
  type        = string
  default     = "us-west-1"
}

variable "cidr" {
  description = "Address range of the VPC, a /16. The known_hosts line of the environment trusts its CA for this range only."
  type        = string

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && endswith(var.cidr, "/16")
    error_message = "cidr is a /16 such as 10.20.0.0/16."
  }
}

variable "instances" {
  description = "Instances by name. zone counts the two zones from 0. address is the private one and fixed, in that zone's subnet: the SSH host certificate names it, so a replaced instance needs no new trust."
  type = map(object({
    zone    = number
    address = string
  }))

  validation {
    condition     = length(var.instances) > 0 && alltrue([for i in values(var.instances) : contains([0, 1], i.zone)])
    error_message = "There is at least one instance, and zone is 0 or 1."
  }

  validation {
    condition = alltrue([
      for i in values(var.instances) :
      try(cidrhost("${i.address}/24", 0) == cidrhost(cidrsubnet(var.cidr, 8, i.zone), 0), false)
    ])
    error_message = "An instance's address is in its zone's subnet: with cidr 10.20.0.0/16 that is 10.20.ZONE.4 to 10.20.ZONE.254."
  }

  validation {
    condition     = length(distinct([for i in values(var.instances) : i.address])) == length(var.instances)
    error_message = "Two instances have the same address."
  }
}

variable "instance_type" {
  description = "Type of all instances; its architecture is that of the image."
  type        = string
  default     = "t3.small"
}

variable "architecture" {
  description = "Processor of the instances and the image: x86_64 or arm64."
  type        = string
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture is x86_64 or arm64."
  }
}

variable "disk_gigabytes" {
  description = "Size of an instance's disk: the system, a few images, and logs."
  type        = number
  default     = 20
}

variable "service_port" {
  description = "Port of the service on the instances. Target group, security groups, first boot and the output service_port follow it."
  type        = number
  default     = 8080

  validation {
    condition     = var.service_port == floor(var.service_port) && var.service_port >= 1 && var.service_port <= 65535 && var.service_port != 22
    error_message = "service_port is a port between 1 and 65535, and not that of SSH."
  }
}

variable "client_cidrs" {
  description = "Who may reach the load balancer."
  type        = list(string)
  default     = ["0.0.0.0/0"]
}

variable "certificate_arn" {
  description = "ACM certificate of the listener. Empty: the listener speaks plain TCP on port 80."
  type        = string
  default     = ""
}

variable "deregistration_delay" {
  description = "Seconds the load balancer leaves a deregistered target's flows alone. It still sends new ones for minutes, so less than 300 cuts clients."
  type        = number
  default     = 300

  validation {
    condition     = var.deregistration_delay >= 300 && var.deregistration_delay <= 3600
    error_message = "deregistration_delay is between 300 and 3600 seconds."
  }
}

variable "ssh_cidrs" {
  description = "Who may reach SSH, besides the Instance Connect endpoint: a VPN's or a peered network's range. Nobody else on the internet reaches it, although instances have public addresses."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for c in var.ssh_cidrs : can(cidrhost(c, 0)) && !endswith(c, "/0")])
    error_message = "ssh_cidrs are ranges such as 10.0.0.0/8; the whole internet is none."
  }
}

variable "ssh_authorized_keys" {
  description = "Public keys that may log in as the deploy user."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for k in var.ssh_authorized_keys : can(regex("^(ssh|ecdsa|sk-ssh|sk-ecdsa)-\\S+ \\S+", k)) && !strcontains(k, "\n")])
    error_message = "ssh_authorized_keys are lines as in authorized_keys, without options."
  }
}

variable "alarms" {
  description = "CloudWatch alarms of this region, by name: in alarm, they refuse a deploy before it begins and halt it after a batch."
  type        = list(string)
  default     = []

  validation {
    condition     = length(var.alarms) <= 100 && alltrue([for name in var.alarms : name != "" && !strcontains(name, ",")])
    error_message = "alarms are at most 100 names, none of them empty or with a comma."
  }
}

variable "github_subject_prefix" {
  description = "How the subject of this repository's OIDC tokens begins: repo:OWNER/NAME, or repo:OWNER@OWNER_ID/NAME@REPOSITORY_ID for repositories whose subject is immutable. README.md says how to read which."
  type        = string
  default     = "repo:growl-dev/deploy"

  validation {
    condition     = can(regex("^repo:(([A-Za-z0-9_.-]+)/([A-Za-z0-9_.-]+)|([A-Za-z0-9_.-]+)@[0-9]+/([A-Za-z0-9_.-]+)@[0-9]+)$", var.github_subject_prefix))
    error_message = "github_subject_prefix is repo:OWNER/NAME or repo:OWNER@OWNER_ID/NAME@REPOSITORY_ID, without a pattern."
  }
}

variable "state_bucket" {
  description = "Bucket of Terraform's state and of the ledger. The Mage targets set it from TF_STATE_BUCKET, as they do for the backend."
  type        = string
  default     = "growl-tf-state"
}

variable "env_file" {
  description = "File with the service's variables. Empty: .env.ENVIRONMENT beside this configuration. It is never committed."
  type        = string
  default     = ""
}
