package ledger

import (
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"keytender/internal/testguard"
)

func TestMain(m *testing.M) { os.Exit(testguard.Run(m)) }

var (
	ann = Person{ID: "ann-id", Organization: "org-a", Email: "ann@example.com"}
	bob = Person{ID: "bob-id", Organization: "org-b", Email: "bob@example.com"}
	xia = Person{ID: "xia-id"}
)

func pair(n string) Pair { return Pair{Access: "a" + n, Refresh: "r" + n} }

// known is a ledger with ann's chain of three generations in a place, where bob's lay
// before.
func known() (*Ledger, *Place) {
	l := New()
	a := l.Begin("ann", ann, pair("1"))
	l.Add("ann").Chain, l.Account("ann").Person = a.ID, ann
	a.Advance(pair("2"))
	a.Advance(pair("3"))
	b := l.Begin("bob", bob, pair("7"))
	l.Add("bob").Chain, l.Account("bob").Person = b.ID, bob
	p := l.AddPlace("file:/x", Entry, nil)
	p.Holds(b, pair("7"))
	p.Holds(a, pair("3"))
	return l, p
}

// TestRelate holds what lies in a place is compared with all chains, and that no clock
// has a say: there is none to ask.
func TestRelate(t *testing.T) {
	someone := Person{}
	for _, c := range []struct {
		name  string
		found Found
		place bool // whether the place is known
		want  Relation
		whose string
	}{
		{"nothing there", Found{Absent: true}, true, Absent, ""},
		{"blanked by the client", Found{}, true, SignedOut, ""},
		{"the current pair", Found{Pair: pair("3")}, true, Current, "ann"},
		{"the current pair where nothing was ever written", Found{Pair: pair("3")}, false, Current, "ann"},
		{"an older pair of ours", Found{Pair: pair("1"), Person: ann}, true, Superseded, "ann"},
		{"another account's current pair", Found{Pair: pair("7")}, true, Current, "bob"},
		{"an unknown pair of the person whose pair lay there", Found{Pair: pair("4"), Person: ann}, true, Successor,
			"ann"},
		{"it tells an e-mail alone", Found{Pair: pair("4"), Person: Person{Email: "ANN@example.com"}}, true, Successor,
			"ann"},
		{"an unknown pair of a person whose pair lay there before", Found{Pair: pair("8"), Person: bob}, true, Stranger,
			""},
		{"it does not tell whose it is", Found{Pair: pair("4"), Person: someone}, true, Unknown, "ann"},
		{"one account in another organisation", Found{Pair: pair("4"),
			Person: Person{ID: "ann-id", Organization: "org-z"}}, true, Stranger, ""},
		{"somebody else", Found{Pair: pair("9"), Person: xia}, true, Stranger, ""},
		{"the person's own other login, where we never wrote", Found{Pair: pair("4"), Person: ann}, false, Stranger,
			""},
		{"a new access token beside the same refresh token", Found{Pair: Pair{"a4", "r3"}}, true, Successor, "ann"},
		{"an old access token beside the same refresh token", Found{Pair: Pair{"a2", "r3"}}, true, Superseded, "ann"},
		{"an access token without a refresh token", Found{Pair: Pair{Access: "a9"}, Person: ann}, true, Stranger, ""},
	} {
		l, place := known()
		if !c.place {
			place = nil
		}
		got := l.Relate(place, c.found)
		if got.Relation != c.want || got.Account() != c.whose {
			t.Errorf("%s: %v of %q, want %v of %q", c.name, got.Relation, got.Account(), c.want, c.whose)
		}
	}
}

// TestGrantOfItsOwn: where a generation lies that was spent elsewhere, nothing succeeds it,
// unless something newer was about to be written there.
func TestGrantOfItsOwn(t *testing.T) {
	found := Found{Pair: pair("x"), Person: ann}
	for _, c := range []struct {
		name   string
		change func(l *Ledger, p *Place)
		want   Relation
	}{
		{"the newest one lies there", func(*Ledger, *Place) {}, Successor},
		{"it was spent elsewhere", func(l *Ledger, _ *Place) { l.ChainOf("ann").Advance(pair("4")) }, Stranger},
		{"and the next one was about to be written", func(l *Ledger, p *Place) {
			l.ChainOf("ann").Advance(pair("4"))
			p.Next = l.ChainOf("ann").ID
		}, Successor},
	} {
		l, place := known()
		c.change(l, place)
		got := l.Relate(place, found)
		if got.Relation != c.want || c.want == Stranger && got.Beside != l.ChainOf("ann") {
			t.Errorf("%s: %v beside %v", c.name, got.Relation, got.Beside)
		}
	}
}

// TestSeenIsKnownAgain: a stranger's login, and another grant of ours, belong to chains of
// their own from the first look; where our newest generation stood it is its successor after
// all, a copy of which lies elsewhere.
func TestSeenIsKnownAgain(t *testing.T) {
	l, place := known()
	stranger := l.See(xia, pair("9"))
	if got := l.Relate(place, Found{Pair: pair("9")}); got.Relation != Current || got.Account() != "" ||
		got.Chain != stranger {
		t.Errorf("a stranger's is %v of %q", got.Relation, got.Account())
	}
	elsewhere := l.AddPlace("file:/y", Entry, nil)
	beside := l.See(ann, pair("4"))
	elsewhere.Holds(beside, pair("4"))
	if got := l.Relate(elsewhere, Found{Pair: pair("4"), Person: ann}); got.Relation != Current || got.Chain != beside {
		t.Errorf("there it is %v", got.Relation)
	}
	if got := l.Relate(place, Found{Pair: pair("4"), Person: ann}); got.Relation != Successor ||
		got.Chain != l.ChainOf("ann") {
		t.Errorf("where the newest stood it is %v", got.Relation)
	}
}

// TestBareChainIsContested by what was seen or set aside of its person before it was known, not by what is another
// person's, or was left.
func TestBareChainIsContested(t *testing.T) {
	l, place := known()
	cat := Person{ID: "cat-id"}
	seen, aside, of := l.See(cat, pair("c1")), l.See(Person{}, pair("c2")), l.See(xia, pair("x"))
	left := l.See(cat, pair("c3"))
	left.Was = "former"
	place.Holds(seen, pair("c1"))
	d := l.SetAside(Displaced{Chain: aside.ID, Pair: pair("c2")})
	l.SetAside(Displaced{Chain: of.ID, Pair: pair("x"), Person: xia})
	bare := l.Join("cat", cat, pair("c0"))
	l.Add("cat").Chain = bare.ID
	l.Contest(bare)
	if got := l.Relate(place, Found{Pair: pair("c1"), Person: cat}); got.Relation != Stranger || got.Beside != bare {
		t.Errorf("what was seen is %v beside %v", got.Relation, got.Beside)
	}
	if l.Chain(left.ID) == nil || l.Contested(bare) != d || l.Contested(l.ChainOf("ann")) != nil {
		t.Errorf("contested: %+v", l.Contested(bare))
	}
	if d.Person = xia; l.Contested(bare) != nil {
		t.Errorf("contested: %+v, of another person", l.Contested(bare))
	}
	d.Person = cat
	if bare.Bare = false; l.Contested(bare) != nil {
		t.Error("it was renewed since, and is the newest")
	}
}

// TestOrganisationThatIsNotNamed: a pair that names the account alone may be of each of its
// organisations.
func TestOrganisationThatIsNotNamed(t *testing.T) {
	found := Found{Pair: pair("4"), Person: Person{ID: "ann-id"}}
	l, place := known()
	if got := l.Relate(place, found); got.Relation != Successor {
		t.Errorf("with one organisation: %v", got.Relation)
	}
	l.Add("ann-2").Person = Person{ID: "ann-id", Organization: "org-z"}
	if got := l.Relate(place, found); got.Relation != Unknown {
		t.Errorf("with two: %v", got.Relation)
	}
}

// TestAccountOfAPersonInTwoOrganisations: who names no organisation is nobody's where two are
// known, and one that is named goes before an account that tells none.
func TestAccountOfAPersonInTwoOrganisations(t *testing.T) {
	l, _ := known()
	l.Add("a-first").Person = Person{ID: "dora-id"}
	l.Add("dora").Person = Person{ID: "dora-id", Organization: "org-1"}
	for organization, want := range map[string]string{"": "a-first", "org-1": "dora", "org-2": "a-first"} {
		if a := l.Of(Person{ID: "dora-id", Organization: organization}, false); a == nil || a.Name != want {
			t.Errorf("of %q it is %+v, want %s", organization, a, want)
		}
	}
	l.Account("a-first").Person.Organization = "org-2"
	if a := l.Of(Person{ID: "dora-id"}, false); a != nil {
		t.Errorf("of none it is %s", a.Name)
	}
}

// TestRevokedIsNoSuccessor: a pair that the server called spent is known for good.
func TestRevokedIsNoSuccessor(t *testing.T) {
	l, place := known()
	l.ChainOf("ann").Revoke("r3")
	if got := l.Relate(place, Found{Pair: pair("3"), Person: ann}); got.Relation != Revoked {
		t.Errorf("a revoked pair is %v", got.Relation)
	}
	if got := l.Relate(place, Found{Pair: pair("4"), Person: ann}); got.Relation != Successor {
		t.Errorf("a pair that came after it is %v", got.Relation)
	}
	if slices.ContainsFunc(l.Places, l.Behind) {
		t.Error("a place waits for a pair that is dead")
	}
}

// TestLivingChainsCountFirst: an old copy may be of two chains after an import; what can
// be lost decides.
func TestLivingChainsCountFirst(t *testing.T) {
	l, place := known()
	again := l.Begin("carl", Person{}, pair("1"))
	l.Add("carl").Chain = again.ID
	if got := l.Relate(place, Found{Pair: pair("1")}); got.Relation != Current || got.Account() != "carl" {
		t.Errorf("the pair is %v of %q", got.Relation, got.Account())
	}
}

func TestLeftByTheAccount(t *testing.T) {
	pair := func(name string) Pair { return Pair{Access: name + "-access", Refresh: name + "-refresh"} }
	l := New()
	for _, name := range []string{"gone", "default", "other"} {
		l.Add(name).Chain = l.Begin(name, Person{}, pair(name)).ID
	}
	l.ChainOf("default").Advance(pair("newer"))
	l.Remove("gone")
	l.Begin("default", Person{}, pair("former")).Apart = true
	l.Begin("", Person{}, pair("replaced")).Apart = true
	l.See(Person{}, pair("seen"))
	for name, want := range map[string]bool{"default": false, "newer": false, "former": false, "seen": false,
		"never heard of": false, "gone": true, "other": true, "replaced": true} {
		if got := l.IsLeft("default", pair(name)); got != want {
			t.Errorf("%s: left %v", name, got)
		}
		if want && !l.Former(l.ChainOf("default"), pair(name)) {
			t.Errorf("%s may be the newest", name)
		}
	}
}

func TestMaySpend(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name string
		pair Pair
		do   func(*Chain)
		want Refusal
	}{
		{"current", pair("3"), func(*Chain) {}, MaySend},
		{"no refresh token", Pair{Access: "a3"}, func(*Chain) {}, NoRefresh},
		{"superseded", pair("2"), func(*Chain) {}, WasLeft},
		{"revoked", pair("3"), func(c *Chain) { c.Revoke("r3") }, WasRevoked},
		{"asked to wait", pair("3"), func(c *Chain) { c.NotBefore = now.Add(time.Minute) }, MustWait},
		{"the wait is over", pair("3"), func(c *Chain) { c.NotBefore = now.Add(-time.Minute) }, MaySend},
		{"a wait from a clock that was ahead", pair("3"), func(c *Chain) { c.NotBefore = now.Add(3 * time.Hour) },
			MaySend},
	} {
		l, _ := known()
		chain := l.ChainOf("ann")
		c.do(chain)
		if got := chain.MaySpend(c.pair, now); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestBehind: a place waits for the account's newest pair until it is there, and one that
// the person let go of, or a chain that goes its own way, waits for nothing.
func TestBehind(t *testing.T) {
	l, place := known()
	chain := l.ChainOf("ann")
	if l.Behind(place) {
		t.Fatal("a place that is in step is behind")
	}
	chain.Advance(pair("4"))
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	l.Date(now)
	l.Date(now.Add(time.Hour))
	if !l.Behind(place) || !place.Behind.Equal(now) {
		t.Errorf("behind %v since %v", l.Behind(place), place.Behind)
	}
	place.Let = true
	if l.Behind(place) {
		t.Error("a place that was let go of is behind")
	}
	place.Let, chain.Apart = false, true
	if l.Behind(place) {
		t.Error("a chain that goes its own way is behind")
	}
	chain.Apart = false
	place.Holds(chain, pair("4"))
	if l.Date(now); l.Behind(place) || !place.Behind.IsZero() {
		t.Error("a place that was brought up is behind")
	}
}

// TestDisplacedStack: each displaced login can be put back, newest first, never a spent
// one, and that nothing lay there is never put over something.
func TestDisplacedStack(t *testing.T) {
	l, _ := known()
	x, y := l.Begin("", xia, pair("x")), l.Begin("", Person{ID: "yan-id"}, pair("y"))
	if l.SetAside(Displaced{Place: "p", Nothing: true}) == nil {
		t.Fatal("the first one was not noted")
	}
	l.SetAside(Displaced{Place: "p", Chain: x.ID, Pair: pair("x")})
	second := l.SetAside(Displaced{Place: "p", Chain: y.ID, Pair: pair("y")})
	if l.SetAside(Displaced{Place: "p", Nothing: true}) != nil {
		t.Error("nothing was put over something")
	}
	l.SetAside(Displaced{Place: "q", Nothing: true})
	l.Cover("p")
	if got := l.LastDisplaced("p"); got.Chain != y.ID {
		t.Errorf("the newest is %+v", got)
	}
	y.Advance(pair("y2"))
	if got := l.LastDisplaced("p"); got.Chain != x.ID {
		t.Errorf("a spent pair comes back: %+v", got)
	}
	l.DropDisplaced(second.ID)
	l.DropDisplaced(l.LastDisplaced("p").ID)
	if got := l.LastDisplaced("p"); got != nil {
		t.Errorf("the bottom is %+v, which something was put over", got)
	}
	if got := l.LastDisplaced("q"); got == nil || !got.Nothing {
		t.Errorf("the bottom elsewhere is %+v", got)
	}
}

// TestFormerLoginOfAPersonWithALater: wherever a later grant is that may be its next generation, a former login
// of an account is put back no more.
func TestFormerLoginOfAPersonWithALater(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Chain
		pair Pair
		back bool
	}{
		{"seen", Chain{Person: ann, Seen: true}, pair("x"), false},
		{"taken over", Chain{Person: ann, Account: "imported", Shared: true}, pair("x"), false},
		{"signed in", Chain{Person: ann, Account: "anew"}, pair("x"), true},
		{"a token for machines", Chain{Person: ann}, Pair{Access: "ax"}, true},
		{"another person's", Chain{Person: bob, Seen: true}, pair("x"), true},
	} {
		for _, before := range []bool{false, true} {
			l := New()
			former := l.Begin("", ann, pair("1"))
			former.Was = "work"
			o := l.Begin("", Person{}, c.pair)
			c.o.ID, c.o.Generations = o.ID, o.Generations
			if *o = c.o; before {
				slices.Reverse(l.Chains)
			}
			l.SetAside(Displaced{Place: "p", Chain: former.ID, Pair: pair("1"), Person: ann})
			if back := l.LastDisplaced("p") != nil; back != (c.back || before) {
				t.Errorf("%s, before: %v: put back: %v", c.name, before, back)
			}
		}
	}
}

func TestPersonsAlike(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b Person
		want likeness
	}{
		{"same ids", ann, Person{ID: "ann-id"}, Same},
		{"other ids", ann, bob, Different},
		{"one account, two organisations", ann, Person{ID: "ann-id", Organization: "org-z"}, Different},
		{"e-mails where an id is missing", ann, Person{Email: "Ann@Example.com"}, Same},
		{"two organisations under one e-mail", ann, Person{Email: "ann@example.com", Organization: "org-z"}, Different},
		{"other e-mails", ann, Person{Email: "bob@example.com"}, Different},
		{"nothing is known of one", ann, Person{}, Unsure},
		{"nothing is known of both", Person{}, Person{}, Unsure},
		{"id here, e-mail there", Person{ID: "ann-id"}, Person{Email: "ann@example.com"}, Unsure},
	} {
		if got := c.a.Like(c.b); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if got := c.b.Like(c.a); got != c.want {
			t.Errorf("%s, the other way: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestNewNames(t *testing.T) {
	l, _ := known()
	for _, c := range []struct {
		email     string
		longLived bool
		want      string
	}{
		{"carl@example.com", false, "carl"}, {"ann@elsewhere.example", false, "ann-2"},
		{"ANN@example.com", false, "ANN-2"},
		{"", false, "default"}, {"carl.otto+x@example.com", false, "carl-otto-x"}, {"日本@example.com", false, "default"},
		{"carl@example.com", true, "carl-token"}, {"", true, "token"}, {"-x-@example.com", false, "x"},
	} {
		if got := l.NewName(Person{Email: c.email}, c.longLived); got != c.want {
			t.Errorf("%q: %q, want %q", c.email, got, c.want)
		}
		if made := (&Account{Name: c.want, Person: Person{Email: c.email}}); made.Chosen() {
			t.Errorf("%q: a person chose %q", c.email, c.want)
		}
	}
}

func TestNamesThatAPersonChose(t *testing.T) {
	for name, want := range map[string]bool{"work": true, "carl": false, "carl-3": false, "carl-work": true,
		"account-2": false, "default": false, "2026-1": true} {
		if got := (&Account{Name: name, Person: Person{Email: "carl@example.com"}}).Chosen(); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
	if dated := (&Account{Name: "carl-2026", Person: Person{Email: "carl-2026@example.com"}}); dated.Chosen() {
		t.Error("an e-mail with digits at its end made the name")
	}
}

// TestLedgerIsBounded: what grows with the years is forgotten, oldest first, and nothing
// that is referred to.
func TestLedgerIsBounded(t *testing.T) {
	l, place := known()
	first := l.ChainOf("ann").ID
	for range 500 {
		l.Begin("", xia, Pair{Access: "a", Refresh: "r"})
	}
	chain := l.ChainOf("ann")
	for n := range 500 {
		chain.Advance(Pair{Access: "a" + digits(n+100), Refresh: "r" + digits(n+100)})
	}
	text, err := l.Encode()
	if err != nil || len(text) > 64<<10 {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	back, err := Decode(text)
	if err != nil || back.Chain(first) == nil || back.Chain(place.Past[0]) == nil ||
		back.Chain(first).Current() != chain.Current() {
		t.Errorf("what was needed is gone: %v", err)
	}
}

// TestForgottenGeneration: a pair that lay in a place for longer than its chain remembers
// is no successor.
func TestForgottenGeneration(t *testing.T) {
	l, place := known()
	chain := l.ChainOf("ann")
	for n := range maxGenerations + 1 {
		chain.Advance(pair(digits(n + 100)))
	}
	if found := l.Relate(place, Found{Pair: pair("3"), Person: ann}); chain.Knows(pair("3")) ||
		found.Relation != Superseded || found.Chain != chain {
		t.Errorf("%+v", found)
	}
}

func TestDamagedLedger(t *testing.T) {
	for _, text := range []string{"", "null", "[]", "{}", `{"version":1}`, `{"version":3}`,
		`{"version":2,"accounts":[null]}`,
		`{"version":2,"chains":[null]}`, `{"version":2,"store":"elsewhere"}`, `{"version":2`} {
		if _, err := Decode([]byte(text)); err == nil {
			t.Errorf("%q is taken for a ledger", text)
		}
	}
}

// FuzzDecode: a ledger may be put together by anything; it never ends the program, and
// what can be read can be written and read again.
func FuzzDecode(f *testing.F) {
	l, _ := known()
	l.SetAside(Displaced{Place: "file:/x", Pair: pair("x")})
	text, _ := l.Encode()
	f.Add(text)
	f.Add([]byte(`{"version":2,"places":[{"id":"x","chain":"c1","past":["c1"]}],"chains":[{"id":"c1"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := Decode(text)
		if err != nil {
			return
		}
		for _, p := range l.Places {
			l.Relate(p, Found{Pair: pair("3"), Person: ann})
			l.LastDisplaced(p.ID)
		}
		l.Date(time.Unix(1, 0))
		again, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := Decode(again); err != nil || !reflect.DeepEqual(back, plainly(t, again)) {
			t.Fatalf("what was written is read as %v, %v", back, err)
		}
	})
}

// plainly reads a ledger with encoding/json.
func plainly(t *testing.T, text []byte) *Ledger {
	l := &Ledger{}
	if err := json.Unmarshal(text, l); err != nil {
		t.Fatal(err)
	}
	return l
}
