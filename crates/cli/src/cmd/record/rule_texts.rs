//! The texts of the rules in force, kept in the vault once for each rule set: years later a call's rule can be read.

use earwitness_rules::{RuleSet, SourceText};
use earwitness_vault::{Vault, VaultError};

use crate::{
    context::Context,
    instruments::{Event, Log},
};

/// [`keep`], and the log is told where it could not be.
pub(super) fn keep_or_tell(context: &Context, vault: &Vault, rules: &RuleSet, log: &Log) {
    if let Err(why) = keep(context, vault, rules) {
        log.tell(&Event::Without { what: "the text of the rules", why: why.to_string() });
    }
}

/// Keeps the rules in their one canonical form, and the files they were read from if these still say the same.
///
/// # Errors
/// Those of [`Vault::keep_rule_text`].
pub(super) fn keep(context: &Context, vault: &Vault, rules: &RuleSet) -> Result<(), VaultError> {
    let mut text = rules.canonical();
    if let Ok(read) = context.seat().rule_texts() {
        let sources: Vec<_> = read.texts.iter().map(|(name, text)| SourceText { name, text }).collect();
        if RuleSet::load(&sources).is_ok_and(|again| again.hash() == rules.hash()) {
            for (name, file) in &read.texts {
                text += &format!("\n# ---- {name} ----\n\n{file}");
            }
        }
    }
    vault.keep_rule_text(rules.hash(), &text)
}
