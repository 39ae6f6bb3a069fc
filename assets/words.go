package assets

import "keytender/internal/language"

// Words are all texts of the pages in one language. A text is HTML and may have places
// as a page has; a line of a page whose text or place stays empty is left out. Rules:
// whole sentences; no commands, variables or codes, since who reads a page clicked
// something; what was cleaned and escaped fills a place and never becomes a text.
type Words struct {
	Tag string // of internal/language

	// What a mark says to people who do not see it.
	Done, NotDone, TooLate, Stopped, Attention, InProgress HTML

	Plan HTML // {{plan}}
	Said HTML // {{said}}: what the sign-in service gave as its reason

	Finishing Page // Next: {{next}}, an address
	SignedIn  Page
	Elsewhere Page // signed in by a pasted code
	As        HTML // {{title}}, {{email}}: the title of the two when it is known who signed in
	Declined  Page
	TimedOut  Page
	Cancelled Page
	Stray     Page // a redirect that is not of this attempt
	Refused   Page // a request that is no part of a sign-in

	Welcome Page       // before the first sign-in; Next: the terms
	Ways    Table[Way] // what a page offers, by the name of each

	NotSignedIn HTML // the title of every failure
	// Kept says where the login lies, by the engine's word for it.
	Kept Table[HTML]
	// Failures are text and next step by the word for what went wrong; "" is any other.
	Failures Table[[2]HTML]
	// Reasons stand on Stray and Refused.
	Reasons Table[HTML]
}

// Page is what one page says: what happened, and below the line what to do next.
type Page struct{ Title, Body, Next HTML }

// Way is a link, what stands below it, and the page that it leads to.
type Way struct {
	Label, Body HTML
	Chosen      Page
}

// Table is texts by name. As a map it would be made at the start of each command, most of
// which show no page.
type Table[T any] []struct {
	Name string
	What T
}

// Of returns what is called so, or T's zero.
func (t Table[T]) Of(name string) (what T) {
	for _, row := range t {
		if row.Name == name {
			return row.What
		}
	}
	return what
}

// WordsIn returns the texts in a language of internal/language.
func WordsIn(tag string) *Words {
	switch tag {
	case language.German:
		return &german
	case language.French:
		return &french
	case language.Spanish:
		return &spanish
	case language.Japanese:
		return &japanese
	case language.Chinese:
		return &chinese
	}
	return &english
}
