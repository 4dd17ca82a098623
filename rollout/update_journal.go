package rollout

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// errNoIntent ends everything that this run may still do to the instance.
var errNoIntent = errors.New("journal the intent")

// updateJournal writes what happens to one instance to the run's journal, and makes the acts that its intents permit.
type updateJournal struct {
	session *session
	// entry returns what is true of the instance now.
	entry func() Entry
	// intent is the latest that was written; the acts of the instance need it.
	intent openIntent
}

// openIntent is the entry of the journal under which an update acts.
type openIntent struct {
	name    StepName
	mark    Mark
	elapsed func() time.Duration // since before it was written
}

func (i openIntent) left() time.Duration { return ActTimeout - i.elapsed() }

// intentAttempts bounds how often an intent is written again because its confirmation came late, or an act is sent again
// because its intent had become too old.
const intentAttempts = 3

// intend writes an intent of the instance. What is slow comes before it, so that its time is left for the act. If the
// confirmation takes so long that little time is left, it is written again.
func (j *updateJournal) intend(ctx context.Context, name StepName, mark Mark) error {
	for range intentAttempts {
		i := openIntent{name, mark, j.session.stopwatch()}
		if err := j.write(ctx, name, mark, nil); err != nil {
			return fmt.Errorf("%w: %w", errNoIntent, err)
		}
		j.intent = i
		if !name.changes() || i.left() >= actMargin {
			return nil
		}
	}
	return fmt.Errorf("%w: it was confirmed too late %d times: the ledger answers slowly", errNoIntent, intentAttempts)
}

// undoPatience is the time for which an entry of a compensation is written again after an error, because an instance
// must not stay out because of one refused write. A lease that is lost ends it sooner.
const undoPatience = time.Minute

// undoPause is the time between two attempts of a compensation or of its entry.
const undoPause = 2 * time.Second

// write writes an entry about the instance.
func (j *updateJournal) write(ctx context.Context, name StepName, mark Mark, cause error) error {
	e := j.entry()
	e.Time, e.Step, e.Mark = time.Now(), name, mark
	if cause != nil {
		e.Error = cause.Error()
	}
	if e.intends() {
		e.Seconds = int(ActTimeout.Seconds())
	}
	ctx = context.WithoutCancel(ctx)
	err := j.put(ctx, e)
	for began := time.Now(); err != nil && (mark == Undoing || mark == Undone); err = j.put(ctx, e) {
		if errors.Is(err, ErrLost) || time.Since(began) >= undoPatience {
			return err
		}
		_ = sleep(ctx, undoPause)
	}
	return err
}

func (j *updateJournal) put(ctx context.Context, e Entry) error {
	ctx, cancel := context.WithTimeout(ctx, ActTimeout)
	defer cancel()
	return j.session.Journal.Record(ctx, e)
}

// act makes a call that changes something, under the update's latest intent. It is not cancelled with ctx, because a
// cancelled call may still be applied, even after the call that is to undo it. A call that was too late changed nothing
// and is made again under another intent, unless this run lost its lease meanwhile.
func (j *updateJournal) act(ctx context.Context, call func(context.Context) error) error {
	return j.permitted(context.WithoutCancel(ctx), func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, ActTimeout)
		defer cancel()
		return call(ctx)
	})
}

// permitted makes a call with the fence of the latest intent, and again if it came too late.
func (j *updateJournal) permitted(ctx context.Context, call func(context.Context) error) error {
	for attempt := 1; ; attempt++ {
		fenced, err := updateFence{j, j.intent}.Renew(ctx)
		if err != nil || ctx.Err() != nil {
			return cmp.Or(err, context.Cause(ctx))
		}
		if err = call(fenced); !errors.Is(err, ErrTooLate) || attempt == intentAttempts {
			return err
		}
	}
}

// updateFence is the fence of an update's acts under one intent.
type updateFence struct {
	journal *updateJournal
	intent  openIntent
}

func (f updateFence) Check() error {
	if f.intent.left() > 0 {
		return nil
	}
	return fmt.Errorf("%s: %w", f.intent.name, ErrTooLate)
}

// Renew is called by the goroutine that works on the update, because it writes to the journal and to the update.
func (f updateFence) Renew(ctx context.Context) (context.Context, error) {
	j := f.journal
	if j.intent.left() < actMargin {
		if err := j.intend(context.WithoutCancel(ctx), j.intent.name, j.intent.mark); err != nil {
			return ctx, err
		}
	}
	return WithFence(ctx, updateFence{j, j.intent}), nil
}
