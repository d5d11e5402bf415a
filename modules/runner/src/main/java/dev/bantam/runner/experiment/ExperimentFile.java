package dev.bantam.runner.experiment;

import dev.bantam.compression.Settings;
import java.util.List;
import java.util.Map;

/**
 * A checked experiment together with the places it was read from, so that what only the models and
 * tasks can tell (a pattern that matches nothing, a group size that does not divide) is reported
 * with line and column too: add to the settings, then call {@link Problems#throwIfAny()}.
 */
public final class ExperimentFile<S> {
  private final Experiment<S> experiment;
  private final Problems problems;
  private final YamlSettings top;
  private final YamlSettings finetune;
  private final Map<String, List<YamlSettings>> steps;

  ExperimentFile(
      Experiment<S> experiment,
      Problems problems,
      YamlSettings top,
      YamlSettings finetune,
      Map<String, List<YamlSettings>> steps) {
    this.experiment = experiment;
    this.problems = problems;
    this.top = top;
    this.finetune = finetune;
    this.steps = steps;
  }

  public Experiment<S> experiment() {
    return experiment;
  }

  /** Where further problems of this file go. */
  public Problems problems() {
    return problems;
  }

  /** The file's own keys: {@code model}, {@code task}, {@code export} and so on. */
  public Settings settings() {
    return top;
  }

  /** The keys of {@code finetune:}. */
  public Settings finetune() {
    return finetune;
  }

  /**
   * The keys of one step.
   *
   * @param variant name of one of the experiment's variants
   * @param index of the step, from 0
   */
  public Settings step(String variant, int index) {
    final List<YamlSettings> ofVariant = steps.get(variant);
    if (ofVariant == null) {
      throw new IllegalArgumentException("no variant is named '" + variant + "'");
    }
    return ofVariant.get(index);
  }
}
