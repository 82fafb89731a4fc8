# METADATA
# title: Now
# description: |
#   A credential is issued for a question of this moment: by the vault's clock it was asked when OPA's says it is judged. A
#   question that was kept, or a clock that is wrong, decides nothing.
# custom:
#   severity: high
#   remedy: set the clock of the vault's host or of OPA's right, then ask again
#   reference: NIST SP 800-53 r5, AU-8 (time stamps)
package portcullis.issue.moment

import data.portcullis.thresholds

deny contains "the question is not of this moment, by the clocks of the vault and of OPA" if not fresh

fresh if {
	is_number(input.now)
	abs((time.now_ns() / 1000000000) - input.now) <= thresholds.issue_clock_skew_max_seconds
}
