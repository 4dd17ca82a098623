variable "region" {
  description = "Region of the bucket and of the image repository: registry_region of the environments."
  type        = string
  default     = "us-west-1"
}

variable "state_bucket" {
  description = "Bucket of Terraform's state and of the ledger. The Mage targets set it from TF_STATE_BUCKET, as they do for the backend."
  type        = string
  default     = "growl-tf-state"
}

variable "existing" {
  description = "What the account has already and this state takes over: repository, github_provider."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.existing, ["repository", "github_provider"])) == 0
    error_message = "existing names repository, github_provider, or both."
  }
}
