package dev.bantam.runner.run;

import java.util.OptionalInt;

/**
 * How an experiment is run, beside what its file says.
 *
 * @param smoke whether to swap each model for a two-layer random one and use a handful of examples
 * @param limit most examples to evaluate on
 * @param threads threads to work with; results do not depend on it
 * @param offline whether to refuse downloads
 * @param force whether cells of other settings in the run folder are computed again
 * @param progress told what is going on
 */
public record RunOptions(
    boolean smoke,
    OptionalInt limit,
    int threads,
    boolean offline,
    boolean force,
    ConsoleProgress progress) {}
