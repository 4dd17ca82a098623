package sshserver

import (
	"golang.org/x/crypto/ssh"
)

// session serves one session, in which at most one program runs.
func (s *Server) session(channel ssh.NewChannel) {
	session, requests, err := channel.Accept()
	if err != nil {
		return // the connection has ended
	}
	defer session.Close()
	s.mu.Lock()
	s.sessions[session] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.sessions, session)
	}()
	for r := range requests {
		program := s.program(r)
		accepted := program != nil || r.Type == "env" || r.Type == "pty-req" || r.Type == "window-change"
		if r.WantReply {
			_ = r.Reply(accepted, nil) // an error means that the connection has ended
		}
		if program == nil {
			continue
		}
		// Later requests, such as signals, have no effect.
		s.tasks.Go(func() { ssh.DiscardRequests(requests) })
		program(s.ctx, session)
		return
	}
}

// program returns the program that the request starts, or nil if it starts none.
func (s *Server) program(r *ssh.Request) Program {
	var argument struct{ Text string }
	switch r.Type {
	case "shell":
	case "exec", "subsystem":
		if err := ssh.Unmarshal(r.Payload, &argument); err != nil {
			return nil
		}
	default:
		return nil
	}
	return s.options.Program(r.Type, argument.Text)
}

// Exit sends the exit status of a session's program. It ignores errors, because they mean that the connection has ended.
func Exit(session ssh.Channel, status int) {
	_, _ = session.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
}
