package keychain

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"keytender/internal/secret"
	"keytender/internal/testbus"
)

// long is a record that needs three parts.
func long(text string) secret.String {
	return secret.New(`{"FAKE":"` + text + strings.Repeat("鍵-ä", maxRecord*2/5) + `"}`)
}

// items lists what the service keeps of a record: the head and its parts.
func items(s *testbus.Service, name string) (found []string) {
	names := []string{name}
	for _, slot := range slots {
		for part := 1; part <= maxParts; part++ {
			names = append(names, partName(name, slot, part))
		}
	}
	for _, item := range names {
		if text, ok := s.Record(item); ok {
			found = append(found, item)
			if len(text) > maxRecord {
				found = append(found, fmt.Sprintf("of %d bytes", len(text)))
			}
		}
	}
	return found
}

// TestLongRecords: a record of any length is written, read, written over and deleted, and
// only the items that it needs are there.
func TestLongRecords(t *testing.T) {
	service := testbus.Serve(t, testbus.Start(t))
	k := osKeychain(t)
	in := func(slot string, parts int) []string {
		names := []string{"default"}
		for part := 1; part <= parts; part++ {
			names = append(names, partName("default", slot, part))
		}
		return names
	}
	// What a version before wrote is one item.
	service.Put("default", `{"FAKE":"old"}`)
	if got, err := k.Load(t.Context(), "default"); err != nil || got.Reveal() != `{"FAKE":"old"}` {
		t.Fatal(err)
	}
	for _, step := range []struct {
		record secret.String
		want   []string
	}{
		{long("1"), in("a", 3)},
		{long("2"), in("b", 3)},
		{secret.New(strings.Repeat("x", maxRecord)), in("", 0)},
		{secret.New(strings.Repeat("x", maxRecord+1)), in("a", 2)},
		{long("3"), in("b", 3)},
		{secret.New("short"), in("", 0)},
	} {
		if err := k.Save(t.Context(), "default", step.record); err != nil {
			t.Fatal(err)
		}
		if got, err := k.Load(t.Context(), "default"); err != nil || !got.Equal(step.record) {
			t.Errorf("%d bytes: %v", len(step.record.Reveal()), err)
		}
		if got := items(service, "default"); !slices.Equal(got, step.want) {
			t.Errorf("%d bytes lie in %v, want %v", len(step.record.Reveal()), got, step.want)
		}
	}
	if err := k.Save(t.Context(), "default", long("4")); err != nil {
		t.Fatal(err)
	}
	if err := k.Delete(t.Context(), "default"); err != nil {
		t.Fatal(err)
	}
	if got := items(service, "default"); len(got) > 0 {
		t.Errorf("after it was deleted: %v", got)
	}
	if _, err := k.Load(t.Context(), "default"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after it was deleted: %v", err)
	}
}

// TestLongRecordsCutOff: whatever call is the last one before a crash, what is read is one of
// the two records, never a mix; and the next write or delete leaves nothing behind.
func TestLongRecordsCutOff(t *testing.T) {
	address := testbus.Start(t)
	type change struct {
		name string
		do   func(k *OSKeychain) error
		next secret.String
	}
	before := long("before")
	for _, c := range []change{
		{"long over long", func(k *OSKeychain) error { return k.Save(t.Context(), "default", long("after")) },
			long("after")},
		{"short over long", func(k *OSKeychain) error { return k.Save(t.Context(), "default", secret.New("after")) },
			secret.New("after")},
	} {
		for last := 1; ; last++ {
			service := testbus.Serve(t, address)
			k := osKeychain(t)
			if err := k.Save(t.Context(), "default", before); err != nil {
				t.Fatal(err)
			}
			writes, cut := 0, false
			service.Behave(func(method string) testbus.Step {
				if method == "CreateItem" || method == "Delete" {
					if writes++; writes >= last {
						cut = true
						return testbus.Step{Err: "org.freedesktop.DBus.Error.Failed"}
					}
				}
				return testbus.Step{}
			})
			err := c.do(k)
			service.Behave(nil)
			got, loadErr := k.Load(t.Context(), "default")
			switch {
			case loadErr != nil:
				t.Fatalf("%s, cut at write %d: %v", c.name, last, loadErr)
			case err == nil && !got.Equal(c.next):
				t.Errorf("%s, cut at write %d: it was called done and is not there", c.name, last)
			case !got.Equal(before) && !got.Equal(c.next):
				t.Errorf("%s, cut at write %d: a mix of %d bytes", c.name, last, len(got.Reveal()))
			}
			if err := k.Delete(t.Context(), "default"); err != nil {
				t.Fatal(err)
			}
			if left := items(service, "default"); len(left) > 0 {
				t.Errorf("%s, cut at write %d: left behind %v", c.name, last, left)
			}
			service.Leave()
			if !cut {
				break
			}
		}
	}
}

// TestDamagedParts: what is not what was written is damaged, and said so, not half a record.
func TestDamagedParts(t *testing.T) {
	service := testbus.Serve(t, testbus.Start(t))
	k := osKeychain(t)
	for name, damage := range map[string]func(){
		"changed":          func() { service.Put(partName("default", "a", 2), "FAKE") },
		"head of no parts": func() { service.Put("default", `{"type":"parts","slot":"a","parts":0,"sum":""}`) },
		"head of too many": func() { service.Put("default", `{"type":"parts","slot":"a","parts":65,"sum":""}`) },
		"missing":          func() { service.Put("default", `{"type":"parts","slot":"b","parts":1,"sum":"x"}`) },
	} {
		if err := k.Delete(t.Context(), "default"); err != nil {
			t.Fatal(err)
		}
		if err := k.Save(t.Context(), "default", long("1")); err != nil {
			t.Fatal(err)
		}
		damage()
		if got, err := k.Load(t.Context(), "default"); !errors.Is(err, ErrDamaged) || !got.IsZero() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLongRecordIsReadWhileItIsWritten: who reads finds one record or the other.
func TestLongRecordIsReadWhileItIsWritten(t *testing.T) {
	service := testbus.Serve(t, testbus.Start(t))
	k := osKeychain(t)
	one, two := long("one"), long("two")
	if err := k.Save(t.Context(), "default", one); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		var err error
		for range 3 {
			err = errors.Join(err, k.Save(t.Context(), "default", two), k.Save(t.Context(), "default", one))
		}
		done <- err
	}()
	reader := osKeychain(t)
	for reads := 0; ; reads++ {
		select {
		case err := <-done:
			if err != nil || reads == 0 {
				t.Errorf("%d reads, %v", reads, err)
			}
			_ = service
			return
		default:
		}
		if got, err := reader.Load(t.Context(), "default"); err != nil || !got.Equal(one) && !got.Equal(two) {
			t.Errorf("%v", err)
		}
	}
}
