package dev.bantam.runner.experiment;

import java.util.List;
import java.util.Objects;
import java.util.OptionalInt;

/**
 * How a model is fine-tuned before it is compressed.
 *
 * @param when whether a model that already fits the task is fine-tuned too
 * @param epochs passes over the examples, at least 1
 * @param examples rows of train to use; empty means all
 * @param learningRate peak of the schedule, above 0
 * @param batch examples in one step
 * @param warmUp share of all steps with a rising learning rate, in [0, 1)
 * @param weightDecay decoupled decay per step in units of the learning rate
 * @param dropout share of activations dropped, in [0, 1)
 * @param clip largest norm of all gradients together, 0 for no limit
 * @param freeze patterns of tensors that are not trained
 */
public record FinetuneSettings(
    When when,
    int epochs,
    OptionalInt examples,
    double learningRate,
    int batch,
    double warmUp,
    double weightDecay,
    double dropout,
    double clip,
    List<String> freeze) {

  /** When a model is fine-tuned. */
  public enum When {
    /** Only a model without a head of the task's shape. */
    NEEDED,
    /** Every model. */
    ALWAYS
  }

  public FinetuneSettings {
    Objects.requireNonNull(when, "when");
    Objects.requireNonNull(examples, "examples");
    freeze = List.copyOf(freeze);
  }

  private static final double SMALLEST = 1e-12;
  private static final double BELOW_ONE = 1 - 1e-9;

  /** What an empty {@code finetune:} means: fine-tune, with every default. */
  public static FinetuneSettings defaults() {
    final Yaml.Mapping empty = new Yaml.Mapping(Position.START, List.of());
    return read(new YamlSettings(empty, "finetune", new Problems("finetune")), true);
  }

  /**
   * Reads {@code finetune:}; the one home of its defaults.
   *
   * @param written whether the user wrote the mapping, which asks for fine-tuning
   */
  static FinetuneSettings read(YamlSettings s, boolean written) {
    final FinetuneSettings settings =
        new FinetuneSettings(
            s.choice("when", When.class, written ? When.ALWAYS : When.NEEDED),
            s.integer("epochs", 1, 10_000, 1),
            s.integerOr("all", "examples", 1, Integer.MAX_VALUE),
            s.number("learning-rate", SMALLEST, BELOW_ONE, 1e-4),
            s.integer("batch", 1, 65_536, 32),
            s.number("warm-up", 0, BELOW_ONE, 0.1),
            s.number("weight-decay", 0, BELOW_ONE, 0.01),
            s.number("dropout", 0, 0.99, 0.1),
            s.number("clip", 0, 1e6, 1.0),
            s.texts("freeze", List.of("embeddings.*")));
    Patterns.check(s, "freeze", settings.freeze());
    return settings;
  }

  /**
   * Reads the {@code finetune:} of a variant; what it leaves out is as in the experiment's. A
   * variant is always fine-tuned, and on the same examples.
   */
  static FinetuneSettings read(YamlSettings s, FinetuneSettings base) {
    final FinetuneSettings settings =
        new FinetuneSettings(
            When.ALWAYS,
            s.integer("epochs", 1, 10_000, base.epochs()),
            base.examples(),
            s.number("learning-rate", SMALLEST, BELOW_ONE, base.learningRate()),
            s.integer("batch", 1, 65_536, base.batch()),
            s.number("warm-up", 0, BELOW_ONE, base.warmUp()),
            s.number("weight-decay", 0, BELOW_ONE, base.weightDecay()),
            s.number("dropout", 0, 0.99, base.dropout()),
            s.number("clip", 0, 1e6, base.clip()),
            s.texts("freeze", base.freeze()));
    Patterns.check(s, "freeze", settings.freeze());
    return settings;
  }
}
