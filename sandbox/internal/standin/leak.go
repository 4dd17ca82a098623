package standin

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// leak prints secrets of the environment as careless programs do, in several forms and in parts, and text that controls
// terminals and CI systems. SECRET is any secret, LOGIN is a URL with a password, LIST has commas and QUOTED has quotes.
// The output is not longer than the last lines of a failed release that are shown.
func leak(name string, getenv func(string) string, w io.Writer) error {
	secret, raw := getenv("SECRET"), []byte(getenv("SECRET"))
	asJSON, err := json.Marshal(map[string]string{"error": "login with " + secret + " failed"})
	if err != nil {
		return err
	}
	login, err := url.Parse(getenv("LOGIN"))
	if err != nil {
		return err
	}
	password, _ := login.User.Password()
	list := strings.Split(getenv("LIST"), ",")
	fmt.Fprintf(w, "plain: %s in %s\n", secret, login)
	fmt.Fprintf(w, "json: %s go: %q\n", asJSON, secret)
	fmt.Fprintf(w, "query: ?t=%s path: /%s\n", url.QueryEscape(secret), url.PathEscape(secret))
	fmt.Fprintf(w, "base64: %s %s hex: %s\n", base64.StdEncoding.EncodeToString([]byte("ann:"+secret)),
		base64.RawURLEncoding.EncodeToString(raw), hex.EncodeToString(raw))
	fmt.Fprintf(w, "parts: %s %s\n", password, list[len(list)-1])
	fmt.Fprintf(w, "bare: %s.\n", strings.Trim(strings.TrimSpace(getenv("QUOTED")), `"`))
	fmt.Fprintf(w, "%s long: %s\n", strings.Repeat("x", 180), secret)
	fmt.Fprintf(w, "hostile: \x1b[2J##[error]a\u202eb\x07 %s\n::add-mask::c\n", "\x1b]0;title\x07")
	return errors.New(name + ": fatal: it prints what it should not")
}
