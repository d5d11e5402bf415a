/**
 * Experiment, recipe and task files: YAML with line and column, into checked records and back.
 *
 * <p>Start at {@link dev.bantam.runner.experiment.ExperimentReader}. What a user wrote wrongly is
 * collected in {@link dev.bantam.runner.experiment.Problems} and shown in one go; {@link
 * dev.bantam.runner.experiment.ResolvedExperiment} writes everything back with its defaults. The
 * grammar is in docs/experiment-file.md.
 */
package dev.bantam.runner.experiment;
