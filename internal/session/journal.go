package session

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/secret"
)

// chain is what the journal remembers of one account's token chain, for all
// processes and over restarts. Tokens appear as fingerprints alone.
type chain struct {
	// Known are the refresh tokens that this chain has had, newest last. They tell
	// an older pair of our own in Claude Code's entry from another login.
	Known []string `json:"known,omitempty"`
	// Dead are refresh tokens that the server called spent; they are never sent again.
	Dead []string `json:"dead,omitempty"`
	// Intent stands from before a send until its outcome is stored.
	Intent *intent `json:"intent,omitempty"`
	// NotBefore and Why: nothing is sent earlier.
	NotBefore time.Time `json:"notBefore,omitzero"`
	Why       string    `json:"why,omitempty"`
	// Failures counts answers in a row that were no success.
	Failures int `json:"failures,omitempty"`
	// Hasty are renewals of the last hour whose answer lived a second or less.
	Hasty []time.Time `json:"hasty,omitempty"`
	// InVain is when a forced renewal did not help the test call.
	InVain time.Time `json:"inVain,omitzero"`
	// Problem is what stands in the way until the next success.
	Problem *Problem     `json:"problem,omitempty"`
	Last    *ChainChange `json:"last,omitempty"`
}

// intent is a send whose outcome is not known yet.
type intent struct {
	Fingerprint string    `json:"fingerprint"`
	At          time.Time `json:"at"`
	Sends       int       `json:"sends"`
}

type journal struct {
	Version int               `json:"version"`
	Chains  map[string]*chain `json:"chains"`
}

const maxFingerprints = 64

// know makes the token the chain's newest.
func (c *chain) know(refresh secret.String) {
	fingerprint := refresh.Fingerprint()
	if fingerprint == "" {
		return
	}
	others := slices.DeleteFunc(slices.Clone(c.Known), func(known string) bool { return known == fingerprint })
	c.Known = append(others, fingerprint)
	if len(c.Known) > maxFingerprints {
		c.Known = c.Known[len(c.Known)-maxFingerprints:]
	}
}

func (c *chain) knows(refresh secret.String) bool { return c.place(refresh) >= 0 }

// place is the token's place in the chain, the later the newer, or -1.
func (c *chain) place(refresh secret.String) int {
	if refresh.IsZero() {
		return -1
	}
	return slices.Index(c.Known, refresh.Fingerprint())
}

// left reports whether the chain has left the token behind: it was certainly spent.
// A store that was put back to an older state holds such a one.
func (c *chain) left(refresh secret.String) bool {
	place := c.place(refresh)
	return place >= 0 && place < len(c.Known)-1
}

// kept reports whether the current pair is the answer to the send that the intent
// speaks of, kept by a process that ended before it could say so.
func (c *chain) kept(current secret.String) bool { return c.Intent != nil && !c.knows(current) }

// forgetSend takes back the last send: it certainly spent nothing.
func (c *chain) forgetSend() {
	if c.Intent == nil {
		return
	}
	if c.Intent.Sends--; c.Intent.Sends <= 0 {
		c.Intent = nil
	}
}

func (c *chain) bury(refresh secret.String) {
	if fingerprint := refresh.Fingerprint(); !slices.Contains(c.Dead, fingerprint) {
		c.Dead = append(c.Dead, fingerprint)
		if len(c.Dead) > maxFingerprints {
			c.Dead = c.Dead[len(c.Dead)-maxFingerprints:]
		}
	}
}

func (c *chain) dead(refresh secret.String) bool {
	return !refresh.IsZero() && slices.Contains(c.Dead, refresh.Fingerprint())
}

// blocked returns until when nothing may be sent, or the zero time. A time further
// away than any that we set comes from a clock that was put back, and does not hold.
func (c *chain) blocked(now time.Time) time.Time {
	if c.NotBefore.After(now) && c.NotBefore.Sub(now) <= maxPause+time.Minute {
		return c.NotBefore
	}
	return time.Time{}
}

// maxPause is the longest time for which an answer keeps us from sending.
const maxPause = time.Hour

func (e *Engine) journal() (journal, error) {
	j := journal{Version: 1, Chains: map[string]*chain{}}
	if err := e.readState("journal.json", &j); err != nil {
		return journal{}, err
	}
	if j.Chains == nil {
		j.Chains = map[string]*chain{}
	}
	return j, nil
}

// chainOf returns the account's chain, an empty one when there is none.
func (j journal) chainOf(account string) *chain {
	if j.Chains[account] == nil {
		j.Chains[account] = &chain{}
	}
	return j.Chains[account]
}

func (e *Engine) writeJournal(j journal) error { return e.writeState("journal.json", j) }

// note changes the account's chain in the journal; the caller holds the lock.
func (e *Engine) note(account string, change func(*chain)) error {
	j, err := e.journal()
	if err != nil {
		return err
	}
	change(j.chainOf(account))
	return e.writeJournal(j)
}

// Record is one line of the token chain's story, for `history`.
type Record struct {
	At      time.Time `json:"at"`
	Account string    `json:"account"`
	What    string    `json:"what"` // signed-in, imported, renewed, adopted, refused, lost, mirrored, undone, signed-out, api-key, exported, mended
	Who     string    `json:"who"`
	Detail  string    `json:"detail,omitempty"`
}

const (
	historyFile    = "history.jsonl"
	maxHistoryFile = 512 << 10
)

// remember adds a line to the history. It is a story, not a ledger: when it cannot
// be written the log says so and the work goes on.
func (e *Engine) remember(r Record) {
	r.At = e.wall()
	if r.Who == "" {
		r.Who = "keytender"
	}
	e.log.Info(r.What, "account", r.Account, "by", r.Who)
	path := e.statePath(historyFile)
	line, err := json.Marshal(r)
	if err == nil {
		if info, statErr := os.Lstat(path); statErr == nil && info.Size() > maxHistoryFile {
			err = e.shortenHistory()
		}
	}
	if err == nil {
		err = appendLine(path, line)
	}
	if err != nil {
		e.log.Warn("the history could not be written", "reason", plain(err))
	}
}

func appendLine(path string, line []byte) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// shortenHistory keeps the newer half.
func (e *Engine) shortenHistory() error {
	data, err := os.ReadFile(e.statePath(historyFile))
	if err != nil {
		return err
	}
	data = data[len(data)/2:]
	if end := bytes.IndexByte(data, '\n'); end >= 0 {
		data = data[end+1:]
	}
	return atomicfile.Write(e.statePath(historyFile), data)
}

// History returns the chain's story, oldest first. Lines that cannot be read are
// left out.
func (e *Engine) History() ([]Record, error) {
	f, err := os.Open(e.statePath(historyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, e.storageTrouble("the history cannot be read", err)
	}
	defer f.Close()
	var records []Record
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var r Record
		if json.Unmarshal(lines.Bytes(), &r) == nil && r.What != "" {
			records = append(records, r)
		}
	}
	return records, nil
}
