package awsapi

import (
	"slices"
	"sync"
	"time"

	"github.com/aws/smithy-go/encoding/cbor"
)

// alarmStates are the states of alarms.
var alarmStates = []string{"OK", "ALARM", "INSUFFICIENT_DATA"}

// alarmService serves CloudWatch's calls about alarms. An alarm watches no metric here, so its state changes only by
// SetAlarmState.
type alarmService struct {
	region, account string

	mu     sync.Mutex
	alarms []alarm // by name
}

type alarm struct {
	name, state, reason string
	since               time.Time
}

// alarmParameters are the parameters of all calls about alarms, in any protocol.
type alarmParameters struct {
	AlarmName, StateValue, StateReason string
	AlarmNames                         []string
}

// calls returns the service's calls in JSON.
func (s *alarmService) calls() map[string]call {
	calls := map[string]call{}
	for action, act := range s.actions() {
		calls[action] = decoded(act)
	}
	return calls
}

// cborCalls returns the same calls in CBOR.
func (s *alarmService) cborCalls() map[string]call {
	calls := map[string]call{}
	for action, act := range s.actions() {
		calls[action] = func(r request) (any, error) {
			fields, err := cborFields(r.body)
			if err != nil {
				return nil, err
			}
			return act(alarmParameters{
				AlarmName: text(fields, "AlarmName"), AlarmNames: texts(fields, "AlarmNames"),
				StateValue: text(fields, "StateValue"), StateReason: text(fields, "StateReason"),
			})
		}
	}
	return calls
}

// queryCalls returns the same calls in the Query protocol, which older clients use.
func (s *alarmService) queryCalls() map[string]call {
	calls := map[string]call{}
	for action, act := range s.actions() {
		calls[action] = func(r request) (any, error) {
			result, err := act(alarmParameters{
				AlarmName: r.form.get("AlarmName"), AlarmNames: r.form.list("AlarmNames"),
				StateValue: r.form.get("StateValue"), StateReason: r.form.get("StateReason"),
			})
			if found, ok := result.(alarmsFound); ok {
				return found.query(), err
			}
			return empty{}, err
		}
	}
	return calls
}

func (s *alarmService) actions() map[string]func(alarmParameters) (any, error) {
	return map[string]func(alarmParameters) (any, error){
		"PutMetricAlarm": s.put,
		"SetAlarmState":  s.set,
		"DescribeAlarms": s.describe,
		"DeleteAlarms":   s.remove,
	}
}

func (s *alarmService) find(name string) (int, bool) {
	return slices.BinarySearchFunc(s.alarms, name, func(a alarm, name string) int {
		switch {
		case a.name < name:
			return -1
		case a.name > name:
			return 1
		}
		return 0
	})
}

// put creates an alarm. An existing alarm keeps its state.
func (s *alarmService) put(in alarmParameters) (any, error) {
	name := in.AlarmName
	if name == "" {
		return nil, badRequest("MissingParameter", "The parameter AlarmName is required")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, there := s.find(name); !there {
		s.alarms = slices.Insert(s.alarms, i, alarm{name, "INSUFFICIENT_DATA", "Unchecked: Initial alarm creation", time.Now()})
	}
	return nil, nil
}

func (s *alarmService) set(in alarmParameters) (any, error) {
	name, state := in.AlarmName, in.StateValue
	if !slices.Contains(alarmStates, state) {
		return nil, badRequest("ValidationError", "StateValue %q is not one of %v", state, alarmStates)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i, there := s.find(name)
	if !there {
		return nil, badRequest("ResourceNotFound", "Alarm %s does not exist", name)
	}
	s.alarms[i] = alarm{name, state, in.StateReason, time.Now()}
	return nil, nil
}

// describe returns the named alarms, or all if none is named. As in AWS, a name without an alarm is not an error.
func (s *alarmService) describe(in alarmParameters) (any, error) {
	names, state := in.AlarmNames, in.StateValue
	found := alarmsFound{MetricAlarms: []alarmFound{}, CompositeAlarms: []alarmFound{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.alarms {
		if (len(names) == 0 || slices.Contains(names, a.name)) && (state == "" || state == a.state) {
			found.MetricAlarms = append(found.MetricAlarms, s.described(a))
		}
	}
	return found, nil
}

// alarmsFound is the result of DescribeAlarms.
type alarmsFound struct{ MetricAlarms, CompositeAlarms []alarmFound }

type alarmFound struct {
	AlarmName, AlarmArn, StateValue, StateReason string
	StateUpdatedTimestamp                        epoch
}

func (s *alarmService) described(a alarm) alarmFound {
	arn := "arn:aws:cloudwatch:" + s.region + ":" + s.account + ":alarm:" + a.name
	return alarmFound{a.name, arn, a.state, a.reason, epoch(a.since)}
}

// alarmXML is an alarm in the Query protocol.
type alarmXML struct {
	AlarmName, AlarmArn, StateValue, StateReason string
	StateUpdatedTimestamp                        time.Time
}

func (f alarmsFound) query() any {
	var found struct{ MetricAlarms, CompositeAlarms members[alarmXML] }
	for _, a := range f.MetricAlarms {
		found.MetricAlarms.Member = append(found.MetricAlarms.Member,
			alarmXML{a.AlarmName, a.AlarmArn, a.StateValue, a.StateReason, time.Time(a.StateUpdatedTimestamp).UTC()})
	}
	return found
}

func (f alarmsFound) cbor() cbor.Map {
	metric := cbor.List{}
	for _, a := range f.MetricAlarms {
		metric = append(metric, a.cbor())
	}
	return cbor.Map{"MetricAlarms": metric, "CompositeAlarms": cbor.List{}}
}

func (f alarmFound) cbor() cbor.Map {
	const epochTime = 1 // RFC 8949's tag
	since := float64(time.Time(f.StateUpdatedTimestamp).UnixMilli()) / 1000
	return cbor.Map{
		"AlarmName":             cbor.String(f.AlarmName),
		"AlarmArn":              cbor.String(f.AlarmArn),
		"StateValue":            cbor.String(f.StateValue),
		"StateReason":           cbor.String(f.StateReason),
		"StateUpdatedTimestamp": &cbor.Tag{ID: epochTime, Value: cbor.Float64(since)},
	}
}

func (s *alarmService) remove(in alarmParameters) (any, error) {
	names := in.AlarmNames
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alarms = slices.DeleteFunc(s.alarms, func(a alarm) bool { return slices.Contains(names, a.name) })
	return nil, nil
}
