package rollout

// StepName names a row of the table.
type StepName string

// The rows, in the order an instance goes through them.
const (
	StepPrepare    StepName = "prepare"
	StepDeregister StepName = "deregister"
	StepDrain      StepName = "drain"
	StepStop       StepName = "stop"
	StepStart      StepName = "start"
	StepProve      StepName = "prove"
	StepRegister   StepName = "register"
	StepJoin       StepName = "join"
	StepSettle     StepName = "settle"
)
