package keychain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"keytender/internal/atomicfile"
	"keytender/internal/rawjson"
	"keytender/internal/secret"
)

// FileStore keeps the records in one 0600 file, credentials.json: an object per
// account below "accounts", and what is not a login below "other". Keys that it
// does not know are kept.
//
// Writers must hold the session's lock: a write replaces the whole file.
type FileStore struct {
	Path string
	// Tightened is called once with the path when loose permissions were taken away.
	Tightened func(path string)
}

// maxStoreFile bounds what is read: thousands of accounts fit.
const maxStoreFile = 1 << 20

// Kind returns "file".
func (s *FileStore) Kind() string { return "file" }

// Load implements Store.
func (s *FileStore) Load(_ context.Context, name string) (secret.String, error) {
	_, sections, err := s.read()
	if err != nil {
		return secret.String{}, err
	}
	value, ok := sections[section(name)][name]
	if !ok {
		return secret.String{}, ErrNotFound
	}
	return secret.New(string(canonical(value))), nil
}

// canonical drops the white space that an indented file adds to a record, and
// escapes as the JSON encoder does, so that what was written and what is read can
// be compared.
func canonical(record json.RawMessage) []byte {
	var compact, escaped bytes.Buffer
	if err := json.Compact(&compact, record); err != nil {
		return record
	}
	json.HTMLEscape(&escaped, compact.Bytes())
	return escaped.Bytes()
}

// Save implements Store. The record must be a JSON object.
func (s *FileStore) Save(ctx context.Context, name string, record secret.String) error {
	value := json.RawMessage(record.Reveal())
	if !json.Valid(value) {
		return fmt.Errorf("saving to %s: %w: the record is not JSON", s.Path, ErrDamaged)
	}
	if err := s.change(ctx, func(records map[string]json.RawMessage) { records[name] = value }, name); err != nil {
		return fmt.Errorf("saving to %s: %w", s.Path, err)
	}
	back, err := s.Load(ctx, name)
	if err != nil {
		return fmt.Errorf("reading back from %s: %w", s.Path, err)
	}
	if !back.Equal(secret.New(string(canonical(value)))) {
		return fmt.Errorf("reading back from %s: %w: the record is not what was written", s.Path, ErrDamaged)
	}
	return nil
}

// Delete implements Store.
func (s *FileStore) Delete(ctx context.Context, name string) error {
	if _, err := s.Load(ctx, name); errors.Is(err, ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	if err := s.change(ctx, func(records map[string]json.RawMessage) { delete(records, name) }, name); err != nil {
		return fmt.Errorf("deleting from %s: %w", s.Path, err)
	}
	if _, err := s.Load(ctx, name); !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("deleting from %s: the record is still there", s.Path)
	}
	return nil
}

// Names lists the logins in the file.
func (s *FileStore) Names() ([]string, error) {
	_, sections, err := s.read()
	if err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(sections[section("")])), nil
}

// Salvage makes a file of those of the named logins that stand whole in one that cannot be read, and may be
// the newest. Of several that may be, none is: nobody knows.
func (s *FileStore) Salvage(names []string, newest func(name string, c Credential) bool) (text string, any bool) {
	data, _ := s.readFile()
	for _, name := range names {
		key, found, pairs := `"`+name+`": `, "", 0
		var last Credential
		for _, rest, more := strings.Cut(string(data), key); more; _, rest, more = strings.Cut(rest, key) {
			var login json.RawMessage
			if json.NewDecoder(strings.NewReader(rest)).Decode(&login) != nil {
				continue
			}
			c, err := DecodeCredential(secret.New(string(login)))
			if err != nil || !newest(name, c) || pairs > 0 && c.SamePair(last) {
				continue
			}
			last, found = c, string(login)
			pairs++
		}
		if pairs == 1 {
			text += key + found + ","
		}
	}
	return `{"accounts": {` + strings.TrimSuffix(text, ",") + "}}", text != ""
}

func section(name string) string {
	if strings.Contains(name, "..") {
		return "other"
	}
	return "accounts"
}

// read returns the whole file by key and the two sections that hold records.
func (s *FileStore) read() (map[string]json.RawMessage, map[string]map[string]json.RawMessage, error) {
	sections := map[string]map[string]json.RawMessage{"accounts": {}, "other": {}}
	data, err := s.readFile()
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]json.RawMessage{}, sections, nil
	}
	if refused := (&atomicfile.RefusedError{}); errors.As(err, &refused) {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrUnreadable, err)
	}
	whole, ok := rawjson.Parse(data)
	document := membersOf(whole)
	if !ok || document == nil {
		return nil, nil, fmt.Errorf("%w: %s is not a JSON object", ErrDamaged, s.Path)
	}
	for key := range sections {
		raw, ok := document[key]
		if !ok {
			continue
		}
		if sections[key] = membersOf(rawjson.Value(raw)); sections[key] == nil {
			return nil, nil, fmt.Errorf("%w: %q in %s is not an object", ErrDamaged, key, s.Path)
		}
	}
	return document, sections, nil
}

// membersOf returns the members of an object, or nil.
func membersOf(v rawjson.Value) map[string]json.RawMessage {
	if len(v) == 0 || v[0] != '{' {
		return nil
	}
	members := map[string]json.RawMessage{}
	v.Members(func(key string, v rawjson.Value) bool {
		members[key] = json.RawMessage(v)
		return true
	})
	return members
}

// readFile reads the file and tightens loose permissions: it is ours alone, and
// refusing to work would help nobody whose backup tool changed them.
func (s *FileStore) readFile() ([]byte, error) {
	data, err := atomicfile.Read(s.Path, maxStoreFile)
	if err != nil || runtime.GOOS == "windows" {
		return data, err
	}
	info, err := os.Lstat(s.Path)
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return data, err
	}
	if err := os.Chmod(s.Path, 0o600); err != nil {
		return nil, fmt.Errorf("%s can be read by others and its permissions cannot be changed: %w", s.Path, err)
	}
	if s.Tightened != nil {
		s.Tightened(s.Path)
	}
	return data, nil
}

func (s *FileStore) change(ctx context.Context, edit func(records map[string]json.RawMessage), name string) error {
	document, sections, err := s.read()
	if err != nil {
		return err
	}
	key := section(name)
	edit(sections[key])
	if document[key], err = json.Marshal(sections[key]); err != nil {
		return err
	}
	data, err := json.MarshalIndent(document, "", "  ")
	if err != nil {
		return err
	}
	if len(data) >= maxStoreFile { // nobody could read it again
		return ErrTooBig
	}
	if err := os.MkdirAll(filepath.Dir(s.Path), 0o700); err != nil {
		return err
	}
	err = atomicfile.WriteWithin(ctx, s.Path, append(data, '\n'))
	if errors.Is(err, context.DeadlineExceeded) {
		return slowDiskError{err}
	}
	return err
}

// slowDiskError is the ErrTimedOut of a file.
type slowDiskError struct{ error }

func (slowDiskError) Is(target error) bool { return target == ErrTimedOut }
