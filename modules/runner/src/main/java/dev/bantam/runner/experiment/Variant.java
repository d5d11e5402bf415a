package dev.bantam.runner.experiment;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * One way to compress the model, after its grid is expanded.
 *
 * @param name unique; {@code dense} is the uncompressed model
 * @param steps in order; empty for fine-tuned variants, merges and deltas
 * @param merge how the model is merged from several, if it is
 * @param delta how it is stored as differences to another model, if it is
 * @param finetune how it is fine-tuned, if it is an uncompressed model of its own
 * @param start the fine-tuned variant that the steps begin with
 * @param seeds the seeds it runs with, in the experiment's order
 */
public record Variant<S>(
    String name,
    List<ParsedStep<S>> steps,
    Optional<MergeSpec> merge,
    Optional<DeltaSpec> delta,
    Optional<FinetuneSettings> finetune,
    String start,
    List<Long> seeds) {
  /** The name of the baseline that every recovery is measured against. */
  public static final String DENSE = "dense";

  /** What a variant or experiment may be called: it becomes the name of a folder. */
  static final Pattern NAME = Pattern.compile("[a-z0-9.+-]{1,64}");

  public Variant {
    Objects.requireNonNull(name, "name");
    steps = List.copyOf(steps);
    Objects.requireNonNull(merge, "merge");
    Objects.requireNonNull(delta, "delta");
    Objects.requireNonNull(finetune, "finetune");
    Objects.requireNonNull(start, "start");
    seeds = List.copyOf(seeds);
  }

  /** Whether it is the fine-tuned model itself: {@code dense}, or one trained in another way. */
  public boolean isFineTuned() {
    return name.equals(DENSE) || finetune.isPresent();
  }

  /** The same with other settings, e.g. for less work. */
  public Variant<S> with(
      List<ParsedStep<S>> otherSteps,
      Optional<FinetuneSettings> otherFinetune,
      List<Long> otherSeeds) {
    return new Variant<>(name, otherSteps, merge, delta, otherFinetune, start, otherSeeds);
  }

  /** Whether {@code name} matches {@link #NAME} and is not a relative folder. */
  static boolean isName(String name) {
    return NAME.matcher(name).matches() && !name.equals(".") && !name.equals("..");
  }
}
