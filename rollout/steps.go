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

// step is a row of the table: an act and its compensation. Both answer a
// sentence for people about what they saw.
type step struct {
	name StepName
	do   func(*passage, context.Context) (string, error)
	// undo takes back what do did, or may have done before it failed. Nil where
	// there is nothing to take back, or an earlier row's undo covers it.
	undo func(*passage, context.Context) (string, error)
	// goesOn marks rows that begin even when the run is broken off: the new
	// container is proven by then, so registering it is the fastest way back.
	goesOn bool
	// keeps marks rows that a broken-off run ends in without undoing: the new
	// container is proven and registered.
	keeps bool
}

// table is the whole life of an instance. A row that fails is undone, and so is
// every row before it, last first.
var table = []step{
	{name: StepPrepare, do: (*passage).prepare},
	{name: StepDeregister, do: (*passage).deregister, undo: (*passage).rejoin},
	{name: StepDrain, do: (*passage).drain, undo: (*passage).undrain},
	{name: StepStop, do: (*passage).stop, undo: (*passage).revert},
	{name: StepStart, do: (*passage).start},
	{name: StepProve, do: (*passage).prove},
	{name: StepRegister, do: (*passage).register, undo: (*passage).leave, goesOn: true},
	{name: StepJoin, do: (*passage).join, keeps: true},
	{name: StepSettle, do: (*passage).settle, keeps: true},
}

// life is what happens to a prepared instance: the rows that one passage walks.
var life = table[1:]

// index is where a row of life stands.
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
