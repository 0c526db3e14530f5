//! The one line of a runner's `main.rs`.

/// Makes the `main` of a scenarios crate: the pipelines under test, by the names that scenarios
/// know them by. In a normal build the program only says how it is to be built.
///
/// ```ignore
/// whitewater::runner!("trades" => my_pipeline::UnderTest, "broken" => negatives::NoSeen);
/// ```
#[macro_export]
macro_rules! runner {
    ($($name:literal => $pipeline:expr),+ $(,)?) => {
        #[cfg(madsim)]
        fn main() -> ::std::process::ExitCode {
            static PIPELINES: &[$crate::runner::PipelineEntry] = &[$(($name, &$pipeline)),+];
            $crate::runner::serve(PIPELINES)
        }

        #[cfg(not(madsim))]
        fn main() -> ::std::process::ExitCode {
            $(let _: &dyn $crate::pipeline_under_test::PipelineUnderTest = &$pipeline;)+
            ::std::eprintln!("error: this program executes plans in a simulated build; run `cargo whitewater run`");
            ::std::process::ExitCode::FAILURE
        }
    };
}
