# An account that has the image repository or GitHub's identity provider already, for example from an older version of
# dev's state, names them here: existing = ["repository", "github_provider"]
existing = []
