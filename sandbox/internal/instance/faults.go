package instance

// RefuseSSH makes the SSH port refuse connections. Open connections stay.
func (i *Instance) RefuseSSH() { i.ssh.StopListening() }

// CutSSH cuts every open SSH connection. New ones are accepted.
func (i *Instance) CutSSH() { i.ssh.Cut() }
