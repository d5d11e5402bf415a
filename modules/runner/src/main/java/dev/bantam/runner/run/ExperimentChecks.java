package dev.bantam.runner.run;

import dev.bantam.checkpoint.NamePattern;
import dev.bantam.compression.Operations;
import dev.bantam.compression.Step;
import dev.bantam.data.Split;
import dev.bantam.runner.experiment.DeltaSpec;
import dev.bantam.runner.experiment.Experiment;
import dev.bantam.runner.experiment.ExperimentFile;
import dev.bantam.runner.experiment.ExportFormat;
import dev.bantam.runner.experiment.FinetuneSettings;
import dev.bantam.runner.experiment.Variant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What of an experiment does not fit one model and task. Every problem goes to the file it stands
 * in, so that all are shown at once.
 */
final class ExperimentChecks {
  private final ExperimentFile<Step> file;
  private final Experiment<Step> experiment;
  private final Subject subject;

  /**
   * @param file as written; its steps are checked as they stand there, also in a smoke run
   * @param experiment as it will run
   */
  ExperimentChecks(ExperimentFile<Step> file, Experiment<Step> experiment, Subject subject) {
    this.file = file;
    this.experiment = experiment;
    this.subject = subject;
  }

  /** Export formats that cannot hold what the steps do, whatever the model is. */
  static void formats(ExperimentFile<Step> file) {
    for (ExportFormat format : file.experiment().exports()) {
      if (format == ExportFormat.DELTA) {
        if (file.experiment().variants().stream().allMatch(v -> v.delta().isEmpty())) {
          file.settings()
              .problem(
                  "export", "no variant has 'delta:', so there is nothing to write as 'delta'");
        }
        continue;
      }
      ExportFormats.unsupported(format).ifPresent(m -> file.settings().problem("export", m));
      unheld(file.experiment(), format)
          .ifPresent(
              variant ->
                  file.settings()
                      .problem("export", cannotHold(format, "the variant '" + variant + "' does")));
    }
  }

  /** The first variant that has operations which a format has no place for. */
  private static Optional<String> unheld(Experiment<Step> experiment, ExportFormat format) {
    return experiment.variants().stream()
        .filter(
            v ->
                v.steps().stream()
                    .flatMap(step -> step.value().addsOperations().stream())
                    .anyMatch(effect -> !ExportFormats.holds(format, effect)))
        .map(Variant::name)
        .findFirst();
  }

  private static String cannotHold(ExportFormat format, String whoDoes) {
    return "'"
        + ExportFormats.id(format)
        + "' cannot hold what "
        + whoDoes
        + " beside its weights; export safetensors";
  }

  /** Reports everything that does not fit. */
  void all() {
    subject.network().ifPresentOrElse(this::network, this::encoder);
    subject
        .unscorable(Split.valueOf(experiment.evaluate().split().name()))
        .ifPresent(why -> file.settings().problem("evaluate", why));
    for (ExportFormat format : experiment.exports()) {
      if (format != ExportFormat.DELTA
          && subject.model().operations().values().stream()
              .anyMatch(o -> !ExportFormats.holds(format, Operations.decode(o).effect()))) {
        file.settings()
            .problem("export", cannotHold(format, "'" + subject.model().name() + "' does"));
      }
    }
    for (Variant<Step> variant : file.experiment().variants()) {
      steps(variant);
      measured(variant).ifPresent(examples -> examples(variant, examples));
    }
  }

  /** What the grammar knows and a DL4J network cannot do. */
  private void network(SavedNetwork network) {
    if (experiment.finetune().when() == FinetuneSettings.When.ALWAYS
        || experiment.variants().stream().anyMatch(v -> v.finetune().isPresent())) {
      file.settings()
          .problem(
              "model",
              "'"
                  + network.name()
                  + "' is a DL4J network, which DL4J trains. Leave 'finetune' out.");
    }
    for (Variant<Step> variant : experiment.variants()) {
      if (variant.merge().isPresent() || variant.delta().isPresent()) {
        problem(
            variant,
            " merges fine-tuned encoders or stores their differences, and '"
                + network.name()
                + "' is a DL4J network. Take the variant out.");
      }
    }
    if (experiment.evaluate().latency().isPresent()) {
      file.settings()
          .problem(
              "evaluate",
              "latency is that of Bantam's own encoder, and '"
                  + network.name()
                  + "' runs in DL4J. Leave it out.");
    }
    for (ExportFormat format : experiment.exports()) {
      if (format != ExportFormat.SAFETENSORS) {
        file.settings()
            .problem(
                "export",
                "'"
                    + ExportFormats.id(format)
                    + "' cannot hold the DL4J network '"
                    + network.name()
                    + "'; export safetensors, which holds a zip for DL4J beside the packed"
                    + " weights");
      }
    }
  }

  private void encoder() {
    if (subject.task().kind().hasLabels()) {
      finetuning(experiment.finetune());
    } else if (experiment.finetune().when() == FinetuneSettings.When.ALWAYS) {
      file.finetune()
          .problem(
              "when",
              subject.task().withoutLabels()
                  + " Leave 'finetune:' out; or, if the experiment has other tasks, write 'when:"
                  + " needed'.");
    }
    final int longest = subject.encoder().architecture().longestSequence();
    experiment
        .evaluate()
        .latency()
        .filter(l -> l.length() > longest)
        .ifPresent(
            l ->
                file.settings()
                    .problem(
                        "evaluate",
                        "latency has length "
                            + l.length()
                            + ", but '"
                            + subject.model().name()
                            + "' reads at most "
                            + longest
                            + " tokens."));
    for (Variant<Step> variant : file.experiment().variants()) {
      if (variant.finetune().isPresent()) {
        finetuning(variant);
      }
      merge(variant);
      delta(variant);
    }
  }

  private void finetuning(FinetuneSettings finetune) {
    final int available = subject.task().examples(Split.TRAIN).size();
    if (finetune.examples().isPresent() && finetune.examples().getAsInt() > available) {
      file.finetune()
          .problem(
              "examples",
              finetune.examples().getAsInt()
                  + " is more than the "
                  + available
                  + " training examples of '"
                  + subject.task().name()
                  + "' (tune is set aside). Write a number up to that, or 'all'.");
    }
    matchingNothing(finetune.freeze())
        .forEach(p -> file.finetune().problem("freeze", NamePattern.matchesNothing(p)));
  }

  private void finetuning(Variant<Step> variant) {
    if (!subject.task().kind().hasLabels()) {
      problem(variant, " is fine-tuned. " + subject.task().withoutLabels());
    }
    matchingNothing(variant.finetune().orElseThrow().freeze())
        .forEach(
            pattern ->
                file.settings()
                    .problem(
                        "variants",
                        "finetune.freeze of '"
                            + variant.name()
                            + "': "
                            + NamePattern.matchesNothing(pattern)));
  }

  private List<String> matchingNothing(Collection<String> patterns) {
    return patterns.stream()
        .filter(
            p -> subject.shapes().keySet().stream().noneMatch(n -> NamePattern.of(p).matches(n)))
        .toList();
  }

  private void merge(Variant<Step> variant) {
    if (variant.merge().filter(m -> m.isFor(subject.task().name())).isPresent()
        && !subject.task().kind().hasLabels()) {
      problem(variant, " merges fine-tuned models. " + subject.task().withoutLabels());
    }
  }

  private void delta(Variant<Step> variant) {
    if (variant.delta().isPresent() && !subject.model().operations().isEmpty()) {
      problem(
          variant,
          " holds the differences of weights, and '"
              + subject.model().name()
              + "' does more than multiply with its weights. Take the model that it was made from.");
    }
    if (variant.delta().filter(d -> d.base().isEmpty()).isPresent()
        && !subject.isTrained(experiment.finetune())) {
      problem(
          variant,
          " stores the difference to the experiment's model, and on '"
              + subject.task().name()
              + "' that one is not fine-tuned, so there is none. Name another model with 'base:'.");
    }
  }

  private void steps(Variant<Step> variant) {
    final Map<String, long[]> shapes = subject.shapes();
    for (int i = 0; i < variant.steps().size(); i++) {
      final Step step = variant.steps().get(i).value();
      for (Step.StepProblem problem : step.check(shapes)) {
        file.step(variant.name(), i).problem(problem.key(), problem.message());
      }
      if (step.needsLabels() && !subject.task().kind().hasLabels()) {
        file.step(variant.name(), i)
            .problem("method", "it learns from labels. " + subject.task().withoutLabels());
      }
    }
  }

  /** Training examples that a merge or a delta is measured on. */
  private static Optional<Integer> measured(Variant<Step> variant) {
    return variant
        .merge()
        .flatMap(m -> m.examples().stream().boxed().findFirst())
        .or(() -> variant.delta().map(DeltaSpec::examples));
  }

  private void examples(Variant<Step> variant, int examples) {
    final int available = subject.task().examples(Split.TRAIN).size();
    if (examples > available) {
      problem(
          variant,
          " asks for "
              + examples
              + " examples, and '"
              + subject.task().name()
              + "' has "
              + available
              + " to train on. Write 'examples: "
              + available
              + "' or less.");
    }
  }

  private void problem(Variant<Step> variant, String what) {
    file.settings().problem("variants", "variant '" + variant.name() + "'" + what);
  }
}
