package session

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"keytender/internal/atomicfile"
	"keytender/internal/ledger"
)

// Record is one line of the token chain's story, for `history`.
type Record struct {
	_ [0]func() // nobody compares two

	At      time.Time         `json:"at"`
	Account string            `json:"account"`
	What    ledger.ChangeKind `json:"what"`
	Who     string            `json:"who"`
	Detail  string            `json:"detail,omitempty"` // a name, or a sentence that an earlier version wrote
	Said                      // what is said in a sentence
}

const (
	historyFile    = "history.jsonl"
	maxHistoryFile = 512 << 10
)

// remember adds a line to the history. It is a story, not a ledger: when it cannot
// be written the log says so and the work goes on.
func (s *state) remember(r Record) {
	r.At = s.wall()
	if r.Who == "" {
		r.Who = "keytender"
	}
	s.log.Info(string(r.What), "account", r.Account, "by", r.Who)
	path := s.statePath(historyFile)
	line, err := json.Marshal(r)
	if err == nil {
		if info, statErr := os.Lstat(path); statErr == nil && info.Size() > maxHistoryFile {
			err = s.shortenHistory()
		}
	}
	if err == nil {
		err = appendLine(path, line)
	}
	if err != nil {
		s.log.Warn("the history could not be written", "reason", plain(err))
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
func (s *state) shortenHistory() error {
	data, err := os.ReadFile(s.statePath(historyFile))
	if err != nil {
		return err
	}
	data = data[len(data)/2:]
	if end := bytes.IndexByte(data, '\n'); end >= 0 {
		data = data[end+1:]
	}
	return atomicfile.Write(s.statePath(historyFile), data)
}

// History returns the chain's story, oldest first. Lines that cannot be read are
// left out.
func (s *state) History() ([]Record, error) {
	f, err := os.Open(s.statePath(historyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, s.storageTrouble(FaultHistoryUnread, "", err)
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
