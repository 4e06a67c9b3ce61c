//! Objects whose state or directory cannot be read in a list: asked for by id. After a while without a readable state they count
//! as suspended.

use super::lookup;
use super::lookup::Lookup;
use super::part::Part;
use crate::Error;
use crate::Kind;
use crate::record::EmbeddedGroups;
use crate::record::Record;
use crate::record::Table;
use crate::store::Batch;
use crate::store::Checkpoint;
use crate::store::Findings;
use crate::store::StepKey;
use crate::store::Unreadable;

impl Part<'_> {
    /// Asks for each object of a step whose state or directory could not be read. One whose state has been unreadable for too
    /// long gets the state [`Record::UNREADABLE`].
    ///
    /// That takes no more than half of the lookups, which are there for absent objects, too. Where they are not enough, each
    /// run begins with others.
    pub(super) async fn ask_for_unreadable(&self, key: StepKey<'_>, table: &'static Table) -> Result<(), Error> {
        let mut lookups = self.lookups();
        lookups.settings.max_lookups = lookups.settings.max_lookups.div_ceil(2);
        let mut unreadable = self.store().unreadable(key).await?;
        let at_most = usize::try_from(lookups.settings.max_lookups).unwrap_or(usize::MAX);
        if unreadable.len() > at_most {
            let first = usize::try_from(self.run()).unwrap_or(0).wrapping_mul(at_most) % unreadable.len();
            unreadable.rotate_left(first);
        }
        for Unreadable {
            id,
            without_state_since,
        } in unreadable
        {
            if lookups.reserve(1).await? == 0 {
                return Ok(());
            }
            let (object, mut findings) = match lookup::look_up(self.client(), table, &id).await? {
                Lookup::Found(object, mut findings) => {
                    findings.released.push(id.clone());
                    (Some((object.record, object.groups)), findings)
                }
                Lookup::Unreadable(findings) => (None, findings),
                Lookup::NotFound(_) | Lookup::Undecided { .. } => (None, Findings::default()),
            };
            let is_overdue = without_state_since.is_some_and(|since| since <= self.unreadable_before());
            let object = object.or_else(|| {
                is_overdue.then(|| {
                    let record = Record::state_alone(table, &id, Record::UNREADABLE, Some(key.directory));
                    (record, EmbeddedGroups::Untold)
                })
            });
            let batch = match object {
                Some(user) if table.kind == Kind::Users => Batch::Users(vec![user]),
                Some((record, _)) => Batch::Objects(table, vec![record]),
                None => Batch::Objects(table, Vec::new()),
            };
            findings.seen.push(id);
            let now = self.now();
            let checkpoint = Checkpoint {
                traversed: true,
                calls: 1,
                may_repeat: true,
                ..Checkpoint::default()
            };
            self.store()
                .write(key, self.held(&now), batch, &findings, checkpoint)
                .await?;
            self.tell_findings(&findings);
        }
        Ok(())
    }
}
