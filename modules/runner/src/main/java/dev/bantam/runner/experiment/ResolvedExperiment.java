package dev.bantam.runner.experiment;

import dev.bantam.runner.experiment.ResolvedValue.Entry;
import dev.bantam.runner.experiment.ResolvedValue.Mapping;
import dev.bantam.runner.experiment.ResolvedValue.Number;
import dev.bantam.runner.experiment.ResolvedValue.Sequence;
import dev.bantam.runner.experiment.ResolvedValue.Text;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * The resolved form of an experiment: every default, every expanded variant and the derived seeds
 * written out.
 *
 * <p>Equal experiments give equal bytes on every machine. Files are named by the last part of their
 * names, so nothing tells where the run took place; reading the bytes back gives {@link
 * Experiment#withoutFolders()}.
 */
public final class ResolvedExperiment {
  /** The file's name in a run folder. */
  public static final String FILE_NAME = "experiment.resolved.yaml";

  static final String DERIVED_SEEDS = "derived-seeds";

  private ResolvedExperiment() {}

  /** The file's bytes: UTF-8, {@code \n} at the end of each line. */
  public static byte[] write(Experiment<?> experiment) {
    final Experiment<?> e = experiment.withoutFolders();
    final List<Entry> entries = new ArrayList<>();
    entries.add(new Entry("version", Number.of(e.version())));
    entries.add(new Entry("name", new Text(e.name())));
    entries.add(new Entry("model", Sequence.ofTexts(e.models())));
    entries.add(
        new Entry("task", new Sequence(e.tasks().stream().map(TaskReader::resolved).toList())));
    entries.add(new Entry("seeds", Sequence.ofIntegers(e.seeds())));
    entries.add(new Entry("draws", Number.of(e.draws())));
    entries.add(new Entry("finetune", finetune(e.finetune())));
    final List<ResolvedValue> variants = new ArrayList<>();
    e.variants().forEach(v -> variants.add(variant(v)));
    entries.add(new Entry("variants", new Sequence(variants)));
    entries.add(new Entry("evaluate", evaluate(e.evaluate())));
    entries.add(
        new Entry(
            "export",
            Sequence.ofTexts(e.exports().stream().map(ResolvedExperiment::word).toList())));
    e.gate().ifPresent(g -> entries.add(new Entry("gate", gate(g))));
    entries.add(new Entry(DERIVED_SEEDS, Seeds.resolved(e.seeds(), e.draws())));
    return YamlWriter.write(new Mapping(entries)).getBytes(StandardCharsets.UTF_8);
  }

  private static Mapping gate(Gate gate) {
    final List<Entry> entries = new ArrayList<>();
    gate.recovery().ifPresent(v -> entries.add(new Entry("recovery", Number.of(v))));
    gate.atLeast().ifPresent(v -> entries.add(new Entry("at-least", Number.of(v))));
    gate.lossAtMost().ifPresent(v -> entries.add(new Entry("loss-at-most", Number.of(v))));
    return new Mapping(entries);
  }

  /** Fine-tuning settings alone, as YAML in the same normal form. */
  public static String finetuning(FinetuneSettings settings) {
    return YamlWriter.write(finetune(settings));
  }

  /** The evaluation settings alone, as YAML in the same normal form. */
  public static String evaluate(Experiment<?> experiment) {
    return YamlWriter.write(evaluate(experiment.evaluate()));
  }

  /** The steps of a variant alone, as YAML in the same normal form; empty if it has none. */
  public static String steps(Variant<?> variant) {
    return steps(variant.steps());
  }

  /** How a variant is merged, as YAML in the same normal form; empty if it is not. */
  public static String merge(Variant<?> variant) {
    return variant.merge().map(m -> only("merge", m.settings())).orElse("");
  }

  /** How a variant is stored as differences, in the same normal form; empty if it is not. */
  public static String delta(Variant<?> variant) {
    return variant.delta().map(d -> only("delta", d.settings())).orElse("");
  }

  private static String only(String key, Mapping settings) {
    return YamlWriter.write(Mapping.of(new Entry(key, settings)));
  }

  /** Steps with their defaults as a document; empty if there are none. */
  public static String steps(List<? extends ParsedStep<?>> steps) {
    return steps.isEmpty() ? "" : YamlWriter.write(Mapping.of(new Entry("steps", resolved(steps))));
  }

  private static Sequence resolved(List<? extends ParsedStep<?>> all) {
    final List<ResolvedValue> steps = new ArrayList<>();
    all.forEach(s -> steps.add(Mapping.of(new Entry(s.step(), s.settings()))));
    return new Sequence(steps);
  }

  private static Mapping finetune(FinetuneSettings f) {
    final ResolvedValue examples =
        f.examples().isPresent() ? Number.of(f.examples().getAsInt()) : new Text("all");
    final List<Entry> entries = new ArrayList<>();
    entries.add(new Entry("when", new Text(word(f.when()))));
    entries.add(new Entry("epochs", Number.of(f.epochs())));
    entries.add(new Entry("examples", examples));
    entries.addAll(ofVariant(f).entries().subList(1, ofVariant(f).entries().size()));
    return new Mapping(entries);
  }

  /** What a variant may say for itself. */
  private static Mapping ofVariant(FinetuneSettings f) {
    return Mapping.of(
        new Entry("epochs", Number.of(f.epochs())),
        new Entry("learning-rate", Number.of(f.learningRate())),
        new Entry("batch", Number.of(f.batch())),
        new Entry("warm-up", Number.of(f.warmUp())),
        new Entry("weight-decay", Number.of(f.weightDecay())),
        new Entry("dropout", Number.of(f.dropout())),
        new Entry("clip", Number.of(f.clip())),
        new Entry("freeze", Sequence.ofTexts(f.freeze())));
  }

  private static Mapping variant(Variant<?> v) {
    final List<Entry> entries = new ArrayList<>();
    entries.add(new Entry("name", new Text(v.name())));
    v.finetune().ifPresent(f -> entries.add(new Entry("finetune", ofVariant(f))));
    if (!v.start().equals(Variant.DENSE)) {
      entries.add(new Entry("start", new Text(v.start())));
    }
    if (!v.steps().isEmpty()) {
      entries.add(new Entry("steps", resolved(v.steps())));
    }
    v.merge().ifPresent(m -> entries.add(new Entry("merge", m.settings())));
    v.delta().ifPresent(d -> entries.add(new Entry("delta", d.settings())));
    entries.add(new Entry("seeds", Sequence.ofIntegers(v.seeds())));
    return new Mapping(entries);
  }

  private static Mapping evaluate(EvaluateSettings e) {
    final List<Entry> entries = new ArrayList<>();
    entries.add(new Entry("split", new Text(word(e.split()))));
    e.latency()
        .ifPresent(
            l ->
                entries.add(
                    new Entry(
                        "latency",
                        Mapping.of(
                            new Entry("batch", Number.of(l.batch())),
                            new Entry("length", Number.of(l.length()))))));
    return new Mapping(entries);
  }

  private static <E extends Enum<E>> String word(E constant) {
    return YamlSettings.words(constant.getDeclaringClass()).get(constant.ordinal());
  }
}
