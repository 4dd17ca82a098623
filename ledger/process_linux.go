package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// identify fills in what tells the holder's process from all others on its machine. What cannot be read stays empty, so
// that the process is never found to have ended.
func (h *Holder) identify() {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return
	}
	h.Namespace, _ = os.Readlink("/proc/self/ns/pid")
	h.Boot = strings.TrimSpace(string(boot))
	if _, started, err := readStat(h.Process); err == nil {
		h.Started = started
	}
}

// ended reports whether the holder's process has certainly ended. It is false if the process was started on another
// machine, before a reboot, or in another container, and if it cannot be determined.
func (h Holder) ended() bool {
	here := Holder{Process: os.Getpid()}
	here.identify()
	switch {
	case h.Boot == "" || h.Namespace == "" || h.Started == 0 || h.Process <= 0:
		return false
	case h.Boot != here.Boot || h.Namespace != here.Namespace:
		return false
	}
	// The signal 0 is only checked. /proc may hide the processes of other users.
	if errors.Is(syscall.Kill(h.Process, 0), syscall.ESRCH) {
		return true
	}
	state, started, err := readStat(h.Process)
	return err == nil && (started != h.Started || state == 'Z' || state == 'X')
}

func readStat(process int) (state byte, started uint64, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", process))
	if err != nil {
		return 0, 0, err
	}
	return parseStat(data)
}

// parseStat reads /proc/PID/stat: the state of a process, and when it was started, in clock ticks since the boot. The
// second field is the name in brackets, which may hold brackets and spaces itself.
func parseStat(data []byte) (state byte, started uint64, err error) {
	name := bytes.LastIndexByte(data, ')')
	fields := strings.Fields(string(data[name+1:]))
	const stateAt, startedAt = 0, 19
	if name < 0 || len(fields) <= startedAt || len(fields[stateAt]) != 1 {
		return 0, 0, errors.New("it is not what the kernel writes")
	}
	started, err = strconv.ParseUint(fields[startedAt], 10, 64)
	return fields[stateAt][0], started, err
}
