package rollout

import (
	"context"
	"slices"
)

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

// step is a row of the table: an act and its compensation. Both return a sentence
// for people about what they saw.
type step struct {
	name StepName
	do   func(*instanceUpdate, context.Context) (string, error)
	// undo takes back what do did, or may have done before it failed. It is nil if
	// there is nothing to take back, or if an earlier row's undo covers it.
	undo func(*instanceUpdate, context.Context) (string, error)
	// goesOn marks rows that begin even if the run is broken off, because the new
	// container is proven by then and registering it is the fastest way back.
	goesOn bool
	// keeps marks rows in which a run that is broken off ends without undoing, because
	// the new container is proven and registered.
	keeps bool
}

// table is the whole life of an instance. A row that fails is undone, and so is
// every row before it, last first.
var table = []step{
	{name: StepPrepare, do: (*instanceUpdate).prepare},
	{name: StepDeregister, do: (*instanceUpdate).deregister, undo: (*instanceUpdate).rejoin},
	{name: StepDrain, do: (*instanceUpdate).drain, undo: (*instanceUpdate).undrain},
	{name: StepStop, do: (*instanceUpdate).stop, undo: (*instanceUpdate).revert},
	{name: StepStart, do: (*instanceUpdate).start},
	{name: StepProve, do: (*instanceUpdate).prove},
	{name: StepRegister, do: (*instanceUpdate).register, undo: (*instanceUpdate).leave, goesOn: true},
	{name: StepJoin, do: (*instanceUpdate).join, keeps: true},
	{name: StepSettle, do: (*instanceUpdate).settle, keeps: true},
}

// life lists the rows that a prepared instance goes through.
var life = table[1:]

// index returns the position of a row in life.
func index(name StepName) int {
	return slices.IndexFunc(life, func(row step) bool { return row.name == name })
}

// Steps lists the table's rows in order.
func Steps() []StepName {
	names := make([]StepName, len(table))
	for i, row := range table {
		names[i] = row.name
	}
	return names
}
