package claudecode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/dirlock"
	"keytender/internal/secret"
	"keytender/keychain"
)

// Identity is whom the client believes to be signed in. It goes by that rather than by
// the login: after another login came into its entry it shows the former person, and sends
// the former account's id, for up to a day.
type Identity struct {
	AccountID, Email, OrganizationID string
	// Whole is the object as it stands in the client's state file.
	Whole secret.String
}

// The object in the state file and those of its keys that we write.
const (
	identityKey  = "oauthAccount"
	emailKey     = "emailAddress"
	onboardedKey = "hasCompletedOnboarding"
)

const (
	stateStale = 10 * time.Second
	stateWait  = 5 * time.Second
)

// Identity returns whom the client's state file names; known is false when it names nobody.
func (d *Directory) Identity() (id Identity, known bool) {
	data, err := readSettings(d.stateFile())
	if err != nil {
		return Identity{}, false
	}
	state, err := parseState(data)
	if err != nil {
		return Identity{}, false
	}
	return state.identity()
}

// SetIdentity makes the client's state file name this person when it names another
// account or organisation: id.Whole when that is of this account, else the ids and the
// e-mail, from which the client fetches the rest. All else in the file stays byte for byte.
// Where there is no such file none is made, and nobody is named by an id that is not known.
func (d *Directory) SetIdentity(ctx context.Context, id Identity) error {
	if err := d.setIdentity(ctx, id); err != nil {
		return fmt.Errorf("telling Claude Code who is signed in: %w", err)
	}
	return nil
}

func (d *Directory) setIdentity(ctx context.Context, id Identity) (err error) {
	path := d.stateFile()
	if _, err := os.Stat(path); id.AccountID == "" || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if named, known := d.Identity(); known && named.agrees(id) {
		return nil
	}
	lock, err := dirlock.Wanted{Path: path + ".lock", Stale: stateStale, Wait: stateWait, Now: d.now}.Take(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if released := lock.Release(); err == nil && !errors.Is(released, dirlock.ErrCompromised) {
			err = released
		}
	}()
	target, err := atomicfile.Follow(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(target)
	if err != nil {
		return err
	}
	data, err := atomicfile.Read(target, maxSettings)
	if err != nil {
		return err
	}
	after, err := withIdentity(data, id)
	if err != nil || after == nil {
		return err
	}
	if err := lock.Held(); err != nil {
		return err
	}
	return atomicfile.Replace(target, after, info.Mode().Perm())
}

// Introduce makes the state file name this person, as SetIdentity does, and makes it where
// there is none: without it the client asks for a theme and for a sign-in when it is started
// in a terminal, whatever its entry holds.
func (d *Directory) Introduce(ctx context.Context, id Identity) error {
	path := d.stateFile()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return d.SetIdentity(ctx, id)
	}
	encoded, err := introduced(nil, id)
	if err == nil {
		err = atomicfile.Write(path, encoded)
	}
	if err != nil {
		return fmt.Errorf("telling Claude Code who is signed in: %w", err)
	}
	return nil
}

// introduced is the state file's text with this person in it, or nil where nothing is to be
// changed. Without a file it is one that says that the client's first questions were answered.
func introduced(text []byte, id Identity) ([]byte, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		var state object
		state = state.with(onboardedKey, []byte("true"))
		if id.AccountID != "" {
			state = state.with(identityKey, id.object().encoded())
		}
		return state.encoded(), nil
	}
	if id.AccountID == "" {
		return nil, nil
	}
	return withIdentity(text, id)
}

// agrees reports whether the file need not be changed: an organisation that one of them
// does not know is no contradiction.
func (id Identity) agrees(other Identity) bool {
	return id.AccountID == other.AccountID && !differs(id.OrganizationID, other.OrganizationID)
}

// withIdentity returns the state file's text with this identity, or nil when it names it.
func withIdentity(data []byte, id Identity) ([]byte, error) {
	state, err := parseState(data)
	if err != nil {
		return nil, err
	}
	if named, known := state.identity(); known && named.agrees(id) {
		return nil, nil
	}
	return state.with(id.object()), nil
}

// object is what is written: the client's own, or what it needs to fetch the rest.
func (id Identity) object() object {
	if whole, err := parseObject([]byte(id.Whole.Reveal())); err == nil && identityOf(whole).agrees(id) {
		return whole
	}
	var o object
	o = setString(o, accountKey, id.AccountID)
	if plausibleEmail(id.Email) {
		o = setString(o, emailKey, id.Email)
	}
	return setString(o, organizationKey, id.OrganizationID)
}

func identityOf(o object) Identity {
	id := Identity{AccountID: stringOf(o.get(accountKey)), OrganizationID: stringOf(o.get(organizationKey))}
	if email := stringOf(o.get(emailKey)); plausibleEmail(email) {
		id.Email = email
	}
	return id
}

// plausibleEmail keeps out what would be shown as one and is none.
func plausibleEmail(text string) bool {
	name, host, ok := strings.Cut(text, "@")
	strange := func(r rune) bool { return r <= ' ' || r == 0x7f || strings.ContainsRune(`<>"(),;:\`, r) }
	return ok && name != "" && host != "" && len(text) <= 254 && !strings.Contains(host, "@") &&
		!strings.ContainsFunc(text, strange)
}

// state is the client's state file, cut open at the one member that we exchange. It is a
// person's settings and prompts of years, indented by the client: everything else keeps its
// bytes.
type state struct {
	secret.Hidden
	data       []byte
	from, to   int // of the member's value; both 0 when there is none
	last       int // behind the last member's value, or behind the brace that opens
	indent     string
	empty      bool
	repeatedly bool
}

// parseState reads the file as the client does: one JSON object.
func parseState(data []byte) (state, error) {
	damaged := func(why string) (state, error) {
		return state{}, fmt.Errorf("%w: Claude Code's state file %s", keychain.ErrDamaged, why)
	}
	if !json.Valid(data) {
		return damaged("is not valid JSON")
	}
	d := json.NewDecoder(bytes.NewReader(data))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return damaged("is not a JSON object")
	}
	s := state{data: data, last: int(d.InputOffset()), empty: true}
	s.indent = indentBehind(data[s.last:])
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return damaged("cannot be read")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return damaged("cannot be read")
		}
		s.last, s.empty = int(d.InputOffset()), false
		if key == identityKey {
			s.repeatedly = s.to != 0
			s.from, s.to = s.last-len(value), s.last
		}
		if s.repeatedly {
			return damaged("names " + identityKey + " twice")
		}
	}
	if _, err := d.Token(); err != nil {
		return damaged("cannot be read")
	}
	if _, err := d.Token(); err != io.EOF {
		return damaged("has something behind its object")
	}
	return s, nil
}

// indentBehind is the line break and the blanks before the first member, or "".
func indentBehind(text []byte) string {
	blank := text[:len(text)-len(bytes.TrimLeft(text, " \t\r\n"))]
	if i := bytes.LastIndexByte(blank, '\n'); i >= 0 && len(blank) < len(text) && text[len(blank)] == '"' {
		if i > 0 && blank[i-1] == '\r' {
			i--
		}
		return string(blank[i:])
	}
	return ""
}

func (s state) identity() (Identity, bool) {
	if s.to == 0 || s.data[s.from] != '{' {
		return Identity{}, false
	}
	o, err := parseObject(s.data[s.from:s.to])
	if err != nil {
		return Identity{}, false
	}
	id := identityOf(o)
	id.Whole = secret.New(string(s.data[s.from:s.to]))
	return id, id.AccountID != ""
}

// with returns the text with this object as the identity, laid out as the file is.
func (s state) with(o object) []byte {
	value := o.encoded()
	if s.indent != "" {
		var laid bytes.Buffer
		unit := strings.TrimLeft(s.indent, "\r\n")
		_ = json.Indent(&laid, value, unit, unit)
		value = laid.Bytes()
	}
	from, to := s.from, s.to
	if to == 0 { // a new member, behind the others
		from, to = s.last, s.last
		colon, comma := ":", ","
		if s.indent != "" {
			colon = ": "
		}
		if s.empty {
			comma = ""
		}
		value = append([]byte(comma+s.indent+`"`+identityKey+`"`+colon), value...)
	}
	return append(append(append(make([]byte, 0, len(s.data)+len(value)), s.data[:from]...), value...), s.data[to:]...)
}
