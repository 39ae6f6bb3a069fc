package keychain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"keytender/internal/rawjson"
	"keytender/internal/secret"
)

// A record over maxRecord bytes lies in several items: its parts, and the item of its own
// name, which says where they are. The parts are written first, into the slot that is not
// in use, and the head last, so that at each moment the head leads to one whole record.
// Only then the parts of the other slot are removed. What a crash leaves in a slot is
// written over, or goes with the record.

// head is what stands under the record's name when it lies in parts.
type head struct {
	Type  string `json:"type"` // headType, which no record has
	Slot  string `json:"slot"`
	Parts int    `json:"parts"`
	Sum   string `json:"sum"` // of the whole record, SHA-256 in hex
}

const (
	headType = "parts"
	maxParts = 64
)

var slots = []string{"a", "b"}

// readHead tells a head from a record that lies in one item.
func readHead(text string) (h head, ok bool) {
	if len(text) > maxRecord {
		return head{}, false
	}
	v, ok := rawjson.Parse([]byte(text))
	if !ok || !v.Into(&h) || h.Type != headType {
		return head{}, false
	}
	return h, true
}

// Field says where a member goes: see rawjson.Object.
func (h *head) Field(key string) any {
	switch key {
	case "type":
		return &h.Type
	case "slot":
		return &h.Slot
	case "parts":
		return &h.Parts
	case "sum":
		return &h.Sum
	}
	return nil
}

func partName(name, slot string, part int) string {
	return RecordName(name, fmt.Sprintf("part-%s%d", slot, part))
}

func sumOf(record string) string {
	sum := sha256.Sum256([]byte(record))
	return hex.EncodeToString(sum[:])
}

// split cuts a record between its characters: bytes that are no text would not come
// through every keychain as they are.
func split(record string) (parts []string) {
	for len(record) > maxRecord {
		end := maxRecord
		for !utf8.RuneStart(record[end]) {
			end--
		}
		parts, record = append(parts, record[:end]), record[end:]
	}
	return append(parts, record)
}

// attempts at a record that somebody writes meanwhile.
const attempts = 3

// loadParts reads what the head leads to. Who writes meanwhile removes what it leads to,
// so it is looked up again then.
func (k *OSKeychain) loadParts(ctx context.Context, name string, h head) (secret.String, error) {
	for range attempts {
		record, err := k.join(ctx, name, h)
		if err == nil || !errors.Is(err, ErrDamaged) {
			return record, err
		}
		first, err := k.loadItem(ctx, name)
		if err != nil {
			return secret.String{}, err
		}
		again, ok := readHead(first.Reveal())
		switch {
		case !ok:
			return first, nil
		case again == h:
			return secret.String{}, fmt.Errorf("the record %s lies in parts, and they are not what was written: %w",
				name, ErrDamaged)
		}
		h = again
	}
	return secret.String{}, fmt.Errorf("the record %s is written again and again: %w", name, ErrDamaged)
}

// join reads the parts once; ErrDamaged: they are not what the head says.
func (k *OSKeychain) join(ctx context.Context, name string, h head) (secret.String, error) {
	if h.Parts < 1 || h.Parts > maxParts {
		return secret.String{}, ErrDamaged
	}
	var whole string
	for part := 1; part <= h.Parts; part++ {
		text, err := k.loadItem(ctx, partName(name, h.Slot, part))
		switch {
		case errors.Is(err, ErrNotFound):
			return secret.String{}, ErrDamaged
		case err != nil:
			return secret.String{}, err
		}
		whole += text.Reveal()
	}
	if sumOf(whole) != h.Sum {
		return secret.String{}, ErrDamaged
	}
	return secret.New(whole), nil
}

// saveParts writes the parts, then the head.
func (k *OSKeychain) saveParts(ctx context.Context, name, record string) error {
	parts := split(record)
	if len(parts) > maxParts {
		return ErrTooBig
	}
	h := head{Type: headType, Slot: slots[0], Parts: len(parts), Sum: sumOf(record)}
	former, err := k.loadItem(Interactive(ctx), name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if in, ok := readHead(former.Reveal()); ok && in.Slot == h.Slot {
		h.Slot = slots[1]
	}
	for i, part := range parts {
		save := order{Op: "save", Name: partName(name, h.Slot, i+1) + k.Suffix, Record: part}
		if _, err := k.call(ctx, save); err != nil {
			return err
		}
	}
	encoded, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return k.saveHead(ctx, name, string(encoded))
}

// saveHead writes the item of the record's own name, and removes the parts that it led to.
func (k *OSKeychain) saveHead(ctx context.Context, name, encoded string) error {
	a, err := k.call(ctx, order{Op: "save", Name: name + k.Suffix, Record: encoded})
	if err != nil {
		return err
	}
	if former, ok := readHead(a.Record); ok {
		// The record is there; parts that stay are removed with it.
		_ = k.dropParts(ctx, name, former.Slot)
	}
	return nil
}

// dropParts removes what lies in a slot, the last part first: a slot holds the first parts
// at each moment, so that what is left of it is found.
func (k *OSKeychain) dropParts(ctx context.Context, name, slot string) error {
	last := 0
	for ; last < maxParts; last++ {
		_, err := k.loadItem(Interactive(ctx), partName(name, slot, last+1))
		if errors.Is(err, ErrNotFound) {
			break
		}
		if err != nil {
			return err
		}
	}
	for part := last; part > 0; part-- {
		if _, err := k.call(ctx, order{Op: "delete", Name: partName(name, slot, part) + k.Suffix}); err != nil {
			return err
		}
	}
	return nil
}
