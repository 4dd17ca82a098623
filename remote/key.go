package remote

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"golang.org/x/crypto/ssh"
)

// maxKeyFile limits what is read of a key file. The largest real keys have some tens of KiB.
const maxKeyFile = 1 << 20

// loadKey reads a private key, and calls for its passphrase if it has one.
func loadKey(path string, passphrase func() ([]byte, error)) (ssh.Signer, error) {
	data, err := readKeyFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read key %s: %w: it does not exist: name a private key, or use an agent (ssh-add)", path, ErrKeyFile)
	}
	if err != nil {
		return nil, fmt.Errorf("read key %s: %w: %w", path, ErrKeyFile, err)
	}
	if remedy := unsupported(path, data); remedy != "" {
		return nil, fmt.Errorf("parse key %s: %w: %s", path, ErrKeyFile, remedy)
	}
	signer, err := ssh.ParsePrivateKey(data)
	if _, ok := errors.AsType[*ssh.PassphraseMissingError](err); ok {
		signer, err = loadEncrypted(path, data, passphrase)
	} else if err != nil {
		err = fmt.Errorf("parse key %s: %w: %w: give the private key itself, in OpenSSH or PEM form", path, ErrKeyFile, err)
	}
	if err != nil {
		return nil, err
	}
	if bits := rsaBits(signer.PublicKey()); bits > 0 && bits < minRSA {
		return nil, fmt.Errorf("read key %s: %w: it is an RSA key of %d bits, and fewer than %d are not accepted: make another one: ssh-keygen -t ed25519", path, ErrKeyFile, bits, minRSA)
	}
	return signer, nil
}

func loadEncrypted(path string, data []byte, passphrase func() ([]byte, error)) (ssh.Signer, error) {
	if passphrase == nil {
		return nil, fmt.Errorf("parse key %s: %w: it is encrypted and there is nobody to ask for its passphrase: use an agent (ssh-add %s)", path, ErrKeyFile, path)
	}
	phrase, err := passphrase()
	if err != nil {
		return nil, fmt.Errorf("ask for the passphrase of %s: %w: %w", path, ErrKeyFile, err)
	}
	defer clear(phrase)
	signer, err := ssh.ParsePrivateKeyWithPassphrase(data, phrase)
	if err != nil {
		return nil, fmt.Errorf("decrypt key %s: %w: %w: is the passphrase right?", path, ErrKeyFile, err)
	}
	return signer, nil
}

// readKeyFile refuses a key that others can read, as ssh does.
func readKeyFile(path string) ([]byte, error) {
	file, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if open := info.Mode().Perm() & 0o077; open != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("permissions %04o are too open: chmod 600 %s", info.Mode().Perm(), path)
	}
	data, err := io.ReadAll(io.LimitReader(file, maxKeyFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxKeyFile {
		return nil, fmt.Errorf("%d bytes are too many for a key", len(data))
	}
	return data, nil
}

// openRegular refuses anything but a file before it opens it, because opening a pipe would wait for its writer.
func openRegular(path string) (*os.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	return os.Open(path)
}
