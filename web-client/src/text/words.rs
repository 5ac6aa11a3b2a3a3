//! The list of everything the page says.

/// A word that depends on how many.
#[derive(Debug)]
pub struct Plural {
    /// For one.
    pub one: &'static str,
    /// For any other number, none included.
    pub other: &'static str,
}

/// Makes the list: what the markup refers to by name (`data-word="…"`), what has a number in it, and what tells an age.
macro_rules! list {
    (plain { $($plain:ident)* } counted { $($counted:ident)* }) => {
        /// All words of one language. `{}` stands for what is filled in.
        #[derive(Debug)]
        #[expect(missing_docs, reason = "each is what it says in English")]
        pub struct Words {
            $(pub $plain: &'static str,)*
            $(pub $counted: Plural,)*
        }

        /// Names of all words without a number. A table, because code that compares names is larger than the names.
        pub(super) static NAMES: [&str; COUNT] = [$(stringify!($plain),)*];
        /// How many these are.
        pub(super) const COUNT: usize = [$(stringify!($plain),)*].len();

        impl Words {
            /// All words without a number, in the order of [`NAMES`].
            pub(super) const fn plain(&self) -> [&'static str; COUNT] {
                [$(self.$plain,)*]
            }

            /// Names and texts of all words, for checking them.
            #[cfg(test)]
            pub(crate) fn all(&self) -> Vec<(&'static str, [&'static str; 2])> {
                vec![
                    $((stringify!($plain), [self.$plain; 2]),)*
                    $((stringify!($counted), [self.$counted.one, self.$counted.other]),)*
                ]
            }
        }
    };
}

list! {
    plain {
        skip asking trouble_title retry slogan version
        unlock_title password show hide unlock unlocking connecting wrong empty_password
        legacy_hint insecure_hint secure_hint
        pool saves hold peers language
        search_label search_hint words glob regex searching loading_rows all_kinds
        image audio video text document archive program other
        name folder size age kind holders save preview sort_by
        nothing_found nothing_found_hint nothing_of_kind nothing_shared nothing_shared_hint not_narrow
        select_all clear_selection save_selected save_zip list_label
        way_title way_session way_ticket way_session_hint way_ticket_hint way_asks_hint
        known unknown
        no_saves waiting handed_over in_clear done verified unverified given_up failed cancelled cancel cancel_all again clear_ended
        offer_title offer_hint drop_here add_files add_folder withdraw withdraw_all put_all put_wanted put_done put_failed offered_at
        somebody reading_now reading_done reading_broken
        your_name your_name_hint no_peers node tab old ours here_since
        lost_unreachable lost_interrupted lost_offline retry_in retrying now
        invite invite_title invite_hint invite_code invite_copied copy close leave leave_again
        last_seen away preview_loading preview_failed preview_cut preview_open preview_unplayable
        unknown_name node_busy no_memory no_worker no_room strange_address no_source refused silent session_ended strange_answer too_much lied
        status_open status_lost status_connecting
        node_unreachable node_status node_missing node_unreadable node_url
        just_now and_more at_least at_speed left of
    }
    counted {
        files results results_of peers_failed selected_files holders_more saving offered not_offered times_read
        too_many wait_seconds seconds minutes hours days months years seconds_ago minutes_ago hours_ago days_ago months_ago
        years_ago
    }
}

#[cfg(test)]
mod tests {
    use crate::text::Language;

    #[test]
    fn every_language_fills_in_the_same_and_leaves_nothing_empty() {
        let english = Language::English.words().all();
        for language in Language::ALL {
            for ((name, forms), (_, expected)) in language.words().all().into_iter().zip(&english) {
                for (form, expected) in forms.into_iter().zip(expected) {
                    assert!(!form.is_empty(), "{language:?} has no {name}");
                    assert_eq!(form.matches("{}").count(), expected.matches("{}").count(), "{language:?}: {name}");
                }
            }
        }
    }

    #[test]
    fn the_markup_asks_only_for_words_there_are() {
        let markup = include_str!("../../../www/index.html");
        for attribute in ["data-word=\"", "data-label=\"", "data-hint=\""] {
            for rest in markup.split(attribute).skip(1) {
                let name = rest.split('"').next().unwrap();
                assert!(Language::English.find(name).is_some(), "no word {name}");
            }
        }
    }
}
