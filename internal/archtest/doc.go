// Package archtest holds the architecture as rules that are tested: who may
// import whom, what a folder and a file look like, what must not stand in the
// repository.
//
// Its test runs every rule over the checkout. A message says what breaks the
// rule and why there is one, because a rule without its reason is either obeyed
// blindly or switched off. Changing a rule is fine: change it here, in the same
// commit, with the new reason.
package archtest
