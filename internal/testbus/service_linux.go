package testbus

import (
	"fmt"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

const (
	serviceName         = "org.freedesktop.secrets"
	servicePath         = "/org/freedesktop/secrets"
	collectionPath      = servicePath + "/collection/login"
	sessionPath         = servicePath + "/session/1"
	promptPath          = servicePath + "/prompt/1"
	serviceInterface    = "org.freedesktop.Secret.Service"
	collectionInterface = "org.freedesktop.Secret.Collection"
	itemInterface       = "org.freedesktop.Secret.Item"
	sessionInterface    = "org.freedesktop.Secret.Session"
	promptInterface     = "org.freedesktop.Secret.Prompt"
	propertiesInterface = "org.freedesktop.DBus.Properties"
)

// Step is what the service does at a call of a method.
type Step struct {
	Delay   time.Duration // first
	Hang    bool          // no answer, ever
	Die     bool          // leave the bus in the middle of the call
	Dismiss bool          // ask, and the person says no
	Ask     bool          // ask, and nobody answers
	Err     string        // a D-Bus error of this name
}

// Service is a Secret Service that answers as it is told.
type Service struct {
	conn *dbus.Conn

	mu         sync.Mutex
	before     func(method string) Step
	locked     bool
	asks       bool
	collection bool
	records    map[string]string // by user name
	calls      map[string]int
	dismiss    bool
}

// Serve puts the service on the bus until the test ends, unlocked and well-behaved.
func Serve(t testing.TB, address string) *Service {
	t.Helper()
	s := &Service{conn: connect(t, address), records: map[string]string{}, calls: map[string]int{}, collection: true}
	for _, export := range []struct {
		object any
		path   dbus.ObjectPath
		iface  string
	}{
		{service{s}, servicePath, serviceInterface},
		{properties{s}, servicePath, propertiesInterface},
		{collection{s}, collectionPath, collectionInterface},
		{properties{s}, collectionPath, propertiesInterface},
		{session{}, sessionPath, sessionInterface},
		{prompt{s}, promptPath, promptInterface},
	} {
		if err := s.conn.Export(export.object, export.path, export.iface); err != nil {
			t.Fatal(err)
		}
	}
	for iface, object := range map[string]any{itemInterface: item{s}, propertiesInterface: properties{s}} {
		if err := s.conn.ExportSubtree(object, collectionPath, iface); err != nil {
			t.Fatal(err)
		}
	}
	reply, err := s.conn.RequestName(serviceName, dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("the Secret Service's name: %v, %v", reply, err)
	}
	return s
}

// Behave sets what happens at each call; nil: what should.
func (s *Service) Behave(before func(method string) Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = before
}

// Leave takes the service off the bus.
func (s *Service) Leave() { _ = s.conn.Close() }

// Asks is a keyring each item of which asks the person for every program, as KeePassXC's do: an item
// gives nothing away before that, and a search in all of the service counts as one of its own, SearchAll.
func (s *Service) Asks(t testing.TB) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks = true
	if err := s.conn.Export(asking{service{s}}, servicePath, serviceInterface); err != nil {
		t.Fatal(err)
	}
}

// asking searches in all collections, which the service of other tests does not.
type asking struct{ service }

func (o asking) SearchItems(attributes map[string]string) (unlocked, locked []dbus.ObjectPath, err *dbus.Error) {
	if _, err := o.s.step("SearchAll"); err != nil {
		return nil, nil, err
	}
	locked, err = collection{o.s}.SearchItems(attributes)
	return []dbus.ObjectPath{}, locked, err
}

// Lock locks the keyring, with nobody there to unlock it, or unlocks it.
func (s *Service) Lock(locked bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.locked = locked
}

// Remove takes the keyring away: a service that was never used has none.
func (s *Service) Remove() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.collection = false
}

// Record returns what is kept for a user name.
func (s *Service) Record(user string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, ok := s.records[user]
	return text, ok
}

// Put keeps a record, whatever the calls do.
func (s *Service) Put(user, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records[user] = text
}

// Calls is how often a method was called.
func (s *Service) Calls(method string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls[method]
}

// step does what is to happen before the call; prompted is the dialog to return.
func (s *Service) step(method string) (prompted dbus.ObjectPath, err *dbus.Error) {
	s.mu.Lock()
	s.calls[method]++
	before := s.before
	s.mu.Unlock()
	var step Step
	if before != nil {
		step = before(method)
	}
	time.Sleep(step.Delay)
	switch {
	case step.Hang:
		<-s.conn.Context().Done()
	case step.Die:
		_ = s.conn.Close()
	case step.Err != "":
		return "/", dbus.NewError(step.Err, nil)
	case step.Dismiss, step.Ask:
		s.mu.Lock()
		s.dismiss = step.Dismiss
		s.mu.Unlock()
		return promptPath, nil
	}
	return "/", nil
}

type service struct{ s *Service }

func (o service) OpenSession(_ string, _ dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	_, err := o.s.step("OpenSession")
	return dbus.MakeVariant(""), sessionPath, err
}

func (o service) Unlock(paths []dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	asked, err := o.s.step("Unlock")
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	if err != nil || asked != "/" || o.s.locked {
		return []dbus.ObjectPath{}, asked, err
	}
	return paths, "/", nil
}

func (o service) ReadAlias(string) (dbus.ObjectPath, *dbus.Error) {
	if _, err := o.s.step("ReadAlias"); err != nil {
		return "/", err
	}
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	if !o.s.collection {
		return "/", nil
	}
	return collectionPath, nil
}

type properties struct{ s *Service }

func (o properties) Get(iface, name string) (dbus.Variant, *dbus.Error) {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	switch {
	case iface == itemInterface && name == "Locked":
		return dbus.MakeVariant(o.s.asks), nil
	case name == "Collections" && o.s.collection:
		return dbus.MakeVariant([]dbus.ObjectPath{collectionPath}), nil
	case name == "Collections":
		return dbus.MakeVariant([]dbus.ObjectPath{}), nil
	case name == "Label" && o.s.collection:
		return dbus.MakeVariant("Login"), nil
	case name == "Locked" && o.s.collection:
		return dbus.MakeVariant(o.s.locked), nil
	}
	return dbus.MakeVariant(""), dbus.NewError("org.freedesktop.DBus.Error.UnknownProperty", nil)
}

// secret is the wire's structure (oayays).
type secret struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

type collection struct{ s *Service }

func (o collection) CreateItem(p map[string]dbus.Variant, value secret, _ bool) (dbus.ObjectPath, dbus.ObjectPath,
	*dbus.Error) {
	asked, err := o.s.step("CreateItem")
	if err != nil || asked != "/" {
		return "/", asked, err
	}
	attributes, _ := p[itemInterface+".Attributes"].Value().(map[string]string)
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	o.s.records[attributes["username"]] = string(value.Value)
	return itemPath(attributes["username"]), "/", nil
}

func (o collection) SearchItems(attributes map[string]string) ([]dbus.ObjectPath, *dbus.Error) {
	if _, err := o.s.step("SearchItems"); err != nil {
		return nil, err
	}
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	if !o.s.collection {
		return nil, dbus.NewError("org.freedesktop.DBus.Error.UnknownObject", nil)
	}
	if _, ok := o.s.records[attributes["username"]]; !ok {
		return []dbus.ObjectPath{}, nil
	}
	return []dbus.ObjectPath{itemPath(attributes["username"])}, nil
}

// itemPath spells a name in the letters that paths are made of.
func itemPath(user string) dbus.ObjectPath {
	return dbus.ObjectPath(fmt.Sprintf("%s/x%x", collectionPath, user))
}

type item struct{ s *Service }

func (o item) user(m dbus.Message) string {
	var user []byte
	at, _ := m.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	_, _ = fmt.Sscanf(path.Base(string(at)), "x%x", &user)
	return string(user)
}

func (o item) GetSecret(m dbus.Message, at dbus.ObjectPath) (secret, *dbus.Error) {
	_, err := o.s.step("GetSecret")
	text, _ := o.s.Record(o.user(m))
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	if o.s.asks {
		return secret{}, dbus.NewError("org.freedesktop.Secret.Error.IsLocked", nil)
	}
	return secret{at, []byte{}, []byte(text), "text/plain; charset=utf8"}, err
}

func (o item) Delete(m dbus.Message) (dbus.ObjectPath, *dbus.Error) {
	asked, err := o.s.step("Delete")
	if err == nil && asked == "/" {
		o.s.mu.Lock()
		defer o.s.mu.Unlock()
		delete(o.s.records, o.user(m))
	}
	return asked, err
}

type session struct{}

func (session) Close() *dbus.Error { return nil }

type prompt struct{ s *Service }

func (o prompt) Prompt(string) *dbus.Error {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	if o.s.dismiss {
		_ = o.s.conn.Emit(promptPath, promptInterface+".Completed", true, dbus.MakeVariant(""))
	}
	return nil
}

// Text is all that is kept, one record behind the other.
func (s *Service) Text() (all string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for user, text := range s.records {
		all += user + " " + text + "\n"
	}
	return all
}

// Forget takes each record away whose user name holds a text, as a new keyring does.
func (s *Service) Forget(holds string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for user := range s.records {
		if strings.Contains(user, holds) {
			delete(s.records, user)
			n++
		}
	}
	return n
}
