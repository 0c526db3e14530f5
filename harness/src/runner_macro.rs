//! The one line of a runner's `main.rs`.

/// Makes the `main` of a scenarios crate: the pipelines under test, by the names that scenarios
/// know them by. In a simulated build it executes plans in the simulated world, in a normal one on
/// Apache Kafka.
///
/// ```ignore
/// whitewater::runner!("trades" => my_pipeline::UnderTest, "broken" => negatives::NoSeen);
/// ```
#[macro_export]
macro_rules! runner {
    ($($name:literal => $pipeline:expr),+ $(,)?) => {
        #[cfg(madsim)]
        fn main() -> ::std::process::ExitCode {
            $crate::runner::serve(PIPELINES)
        }

        #[cfg(not(madsim))]
        fn main() -> ::std::process::ExitCode {
            $crate::real::serve(PIPELINES)
        }

        static PIPELINES: &[$crate::pipeline_under_test::PipelineEntry] = &[$(($name, &$pipeline)),+];
    };
}
