package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"
)

// lifelog appends what happens to the service to a file that outlives its
// container. A file that cannot be written is said and never stops the service.
type lifelog struct {
	dir    string
	commit string
	log    *slog.Logger
}

type lifeLine struct {
	Event  string    `json:"event"`
	Commit string    `json:"commit"`
	Time   time.Time `json:"time"`
}

func (l *lifelog) write(event string) {
	l.log.Info(event, "commit", l.commit)
	line := lifeLine{Event: event, Commit: l.commit, Time: time.Now().UTC()}
	if err := l.append(line); err != nil {
		l.log.Warn("log file not written", "event", event, "error", err.Error())
	}
}

// append opens the file each time: it may have been rotated or cleaned away
// since, and events are rare. One write a line keeps lines of two processes whole.
func (l *lifelog) append(line lifeLine) error {
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("encode event %s: %w", line.Event, err)
	}
	if err := os.MkdirAll(l.dir, 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(l.dir, "growl-backend.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(append(text, '\n')); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
