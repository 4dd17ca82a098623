package awsapi

type callerIdentity struct {
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

// identity answers GetCallerIdentity.
func identity(account string) call {
	return func(request) (any, error) {
		return callerIdentity{
			Arn:     "arn:aws:iam::" + account + ":user/sandbox",
			UserID:  "AIDASANDBOX000000000",
			Account: account,
		}, nil
	}
}
