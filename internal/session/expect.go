package session

import (
	"cmp"
	"strings"

	"keytender/internal/oauth"
	"keytender/keychain"
)

// hints are what the sign-in page is told of the account that the person wants.
func (o SignInOptions) hints() oauth.Hints {
	return oauth.Hints{Email: cmp.Or(o.Email, o.Expect), SSO: o.SSO, Organization: o.Org}
}

// claudeArgs are the arguments with which the official client signs in. It takes no
// organization: what it signed in to is looked at afterwards.
func (o SignInOptions) claudeArgs() []string {
	args := []string{"auth", "login", "--claudeai"}
	if o.Console {
		args[2] = "--console"
	}
	if email := o.hints().Email; email != "" {
		args = append(args, "--email="+email)
	}
	if o.SSO {
		args = append(args, "--sso")
	}
	return args
}

// expected compares the account of a sign-in with the one that the person wants.
func (o SignInOptions) expected(a keychain.Account) *Error {
	if o.Expect != "" && !strings.EqualFold(o.Expect, a.Email) {
		fault := FaultNotExpected
		if a.Email == "" {
			fault = FaultNotKnownAsExpected
		}
		return failedBy(codeOtherAccount, fault, Values{Person: a.Email, Owner: o.Expect}, nil)
	}
	if o.Org != "" && !strings.EqualFold(o.Org, a.OrganizationID) {
		fault := FaultOtherOrganization
		switch {
		case a.OrganizationID == "":
			fault = FaultOrganizationUnknown
		case a.Organization == "":
			fault = FaultOtherOrganizationID
		}
		return failedBy(codeOtherOrganization, fault,
			Values{Person: a.Organization, Place: a.OrganizationID, Owner: o.Org}, nil)
	}
	return nil
}
