package rollout

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

// A cause that several instances share is named once, and the errors stay in the chain.
func TestFailureNamesACauseOnce(t *testing.T) {
	us := updates{}
	for _, id := range []string{"i-1", "i-2", "i-3", "i-4", "i-5"} {
		us = append(us, &instanceUpdate{instance: Instance{ID: id}, err: errFault})
	}
	us[1].err = errors.New("disk full")
	us[2].state = stateUpdated // broken off after it was updated, which is no failure
	assert.EqualError(t, us.failure(), "i-1, i-4, i-5: "+errFault.Error()+"\ni-2: disk full")
	assert.ErrorIs(t, us.failure(), errFault)
	assert.NoError(t, us[2:3].failure())
}
