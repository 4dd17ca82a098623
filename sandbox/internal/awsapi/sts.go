package awsapi

type callerIdentity struct {
	Arn     string
	UserID  string `xml:"UserId"`
	Account string
}

// identity returns the call GetCallerIdentity.
func identity(account string) call {
	return func(r request) (any, error) {
		if r.caller != nil {
			return callerIdentity{Arn: r.caller.ARN(), UserID: "AROASANDBOX000000000:sandbox", Account: account}, nil
		}
		return callerIdentity{
			Arn:     "arn:aws:iam::" + account + ":user/sandbox",
			UserID:  "AIDASANDBOX000000000",
			Account: account,
		}, nil
	}
}
