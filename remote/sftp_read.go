package remote

import (
	"errors"
	"fmt"
	"slices"
)

// reading is one file being read from its beginning to its end. Three quarters of the
// size that is expected are asked for at once, what is left one part after the other:
// asked for one past the end, the kernel writes the whole file anew.
type reading struct {
	name     string
	handle   string // empty until it is open
	expected int    // bytes
	// mayMove is set where the file may not have its name any more: one under /proc
	// that is open outlives its process. Then that is asked too.
	mayMove bool

	data []byte
	err  error
	done bool

	// What was asked last: parts, of size bytes each, and whether the file is there; or,
	// with none, for a handle.
	first       uint32 // request's ID
	parts       [][]byte
	size, asked int
}

// stale reports whether the file could not be read where it was open, and may be by
// its name.
func (r *reading) stale() bool { return r.err != nil && !errors.Is(r.err, ErrTooLarge) }

// read opens files that are not open, and reads all to their ends, each round of
// questions about all of them in one trip. What cannot be read has its error; if the
// session breaks, what was not read has that one.
func (s *session) read(readings ...*reading) {
	for {
		left := slices.DeleteFunc(slices.Clone(readings), func(r *reading) bool { return r.done || r.err != nil })
		if len(left) == 0 {
			return
		}
		err := s.trip(left)
		for _, r := range left {
			switch {
			case err != nil:
				r.err = err
			case r.err == nil:
				r.advance(s)
			}
		}
	}
}

// trip asks what every reading wants to know next. The answers may come in any order.
func (s *session) trip(readings []*reading) error {
	if s.broken != nil {
		return s.broken
	}
	first := s.last + 1
	var messages []any
	for _, r := range readings {
		asked := r.questions(s)
		r.first, r.asked = s.last+1-uint32(len(asked)), len(asked)
		messages = append(messages, asked...)
	}
	if err := s.send(messages...); err != nil {
		return err
	}
	for range messages {
		id, packet, err := s.answer(first)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(readings, func(r *reading) bool { return int(id-r.first) < r.asked })
		if err := readings[i].take(s, int(id-readings[i].first), packet); err != nil {
			return err
		}
	}
	return nil
}

// questions are what to ask next: for a handle; then for as many parts as fit in what
// is expected, one after the other, and the first time for the name, where the file may
// have moved.
func (r *reading) questions(s *session) (questions []any) {
	if r.handle == "" {
		return []any{&openMessage{ID: s.next(), Name: r.name, Flags: openToRead}}
	}
	requests, begins := 1, r.size == 0
	switch r.size {
	case 0:
		r.size, r.data = chunk, []byte{}
	case step:
		requests = max(1, (r.expected*3/4-len(r.data))/step)
	}
	r.parts = make([][]byte, requests)
	for i := range requests {
		questions = append(questions, &readMessage{s.next(), r.handle, uint64(len(r.data) + i*r.size), uint32(r.size)})
	}
	if begins && r.mayMove {
		questions = append(questions, &statMessage{s.next(), r.name})
	}
	return questions
}

// take takes the answer to one question. Its error is the session's.
func (r *reading) take(s *session, question int, packet []byte) error {
	var err error
	switch {
	case r.handle == "":
		var opened handleMessage
		err = s.decode(packet, &opened)
		if r.handle = opened.Handle; err == nil && r.handle == "" {
			err = s.breaks(errors.New("an empty handle"))
		}
	case question < len(r.parts):
		r.parts[question], err = s.part(packet, r.size)
	default:
		err = s.decode(packet, new(attributesMessage))
	}
	if err != nil && s.broken == nil {
		r.err = onOneLine(r.err, err)
	}
	return s.broken
}

// advance adds what came, and tells whether that was all.
func (r *reading) advance(s *session) {
	if len(r.parts) == 0 {
		return // it has just been opened
	}
	for i, part := range r.parts {
		if i > 0 && len(part) > 0 && len(r.parts[i-1]) < r.size {
			r.err = s.breaks(errors.New("data after the end of the file"))
			return
		}
		r.data = append(r.data, part...)
	}
	last := len(r.parts[len(r.parts)-1])
	switch {
	case len(r.data) > MaxSize:
		r.err = fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxSize)
	case last == 0 || (r.size == chunk && ends(last)) || (r.size == step && last < step):
		r.done = true
	case last < r.size:
		r.size = step
	}
}

// part is what was read of a file: nothing past its end.
func (s *session) part(packet []byte, size int) ([]byte, error) {
	var got dataMessage
	err := s.decode(packet, &got)
	switch {
	case errors.Is(err, errEnd):
		return nil, nil
	case err != nil:
		return nil, err
	case len(got.Data) == 0 || len(got.Data) > size:
		return nil, s.breaks(fmt.Errorf("%d bytes of data, %d asked for", len(got.Data), size))
	}
	return got.Data, nil
}

const (
	// chunk is asked for first, in bytes: what every server grants.
	chunk = 32 << 10
	// page is the least that Linux hands out at once of a file under /proc, in
	// bytes, where there is more.
	page = 4 << 10
	// row is more than any row of /proc/net/tcp6 has, in bytes.
	row = 512
	// step is what Linux always hands out of such a file, to its end: where that
	// splits a row, the rest comes first the next time.
	step = page - row
)

// ends reports whether a read that brought n bytes has reached the end of the
// file. An ordinary file's is wherever less comes than was asked for. One that the
// kernel writes as it is read comes in as many whole rows as fit into a page or a
// few: there is more only where less than a row's room was left.
func ends(n int) bool { return n < chunk && page-n%page >= row && n%page != 0 }
