package dev.bantam.binarization;

import dev.bantam.checkpoint.Head;
import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.StepResources;
import dev.bantam.data.LabelledBatch;
import dev.bantam.data.TokenizedExample;
import dev.bantam.model.Batch;
import dev.bantam.model.EncoderModel;
import dev.bantam.model.LossTerm;
import dev.bantam.model.Model;
import dev.bantam.model.Site;
import dev.bantam.model.Site.Kind;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Workers;
import dev.bantam.training.Distillation;
import dev.bantam.training.DistillationTerms;
import dev.bantam.training.Evaluator;
import dev.bantam.training.HiddenDistillation;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What a student learns of its teacher: its outputs always; BiBERT also the directions of query,
 * key and value relations and of hidden states, BiT also the hidden states themselves. All weights
 * are 1.
 */
final class Lessons implements AutoCloseable {
  private final Method method;
  private final EncoderModel teacher;
  private final double labels;
  private final Workers workers;
  private final Model.Frozen frozen;

  /**
   * @param teacher of the student's shape; kept frozen until this is closed, and not closed
   * @param labels weight of the labels' loss
   */
  Lessons(Method method, EncoderModel teacher, double labels, Workers workers) {
    this.method = method;
    this.teacher = teacher;
    this.labels = labels;
    this.workers = workers;
    this.frozen = teacher.freeze();
  }

  /** The teacher's outputs for all training examples. */
  Optional<Distillation> outputs(StepResources resources, List<TokenizedExample> train) {
    if (resources.task().requireHead().kind() == Head.Kind.MULTI_LABEL) {
      throw new BantamException(
          ExitCode.BAD_FILE,
          "binarize: a teacher's probabilities exclude each other, and this task has sets of labels."
              + " Write 'teacher: none'.");
    }
    final int columns = resources.task().labels().size();
    try (Progress.Bar bar =
        resources.progress().start("Logits of the teacher", train.size(), "examples")) {
      return Optional.of(
          new SoftLabels(Evaluator.logits(teacher, train, columns, bar), columns, labels));
    }
  }

  /** What is read off activations, for one batch. */
  List<LossTerm> terms(LabelledBatch labelled) {
    if (method == Method.SIGN) {
      return List.of();
    }
    final Batch batch = labelled.batch();
    final List<Site> sites = sites();
    final List<float[]> values = teacher.siteValues(batch, sites);
    final List<LossTerm> terms = new ArrayList<>();
    for (int i = 0; i < sites.size(); i++) {
      terms.add(term(sites.get(i), values.get(i), batch));
    }
    return terms;
  }

  private List<Site> sites() {
    final int layers = teacher.architecture().layers().size();
    final List<Site> sites = new ArrayList<>();
    for (int i = 0; i <= layers; i++) {
      sites.add(Site.hiddenState(i));
    }
    for (int i = 0; i < layers && method == Method.BIBERT; i++) {
      sites.add(new Site(i, Kind.ATTENTION_QUERY));
      sites.add(new Site(i, Kind.ATTENTION_KEY));
      sites.add(new Site(i, Kind.ATTENTION_VALUE));
    }
    return sites;
  }

  private LossTerm term(Site site, float[] values, Batch batch) {
    if (site.kind() == Kind.LAYER_OUTPUT || site.kind() == Kind.EMBEDDINGS_OUTPUT) {
      return DistillationTerms.rows(
          site,
          values,
          method == Method.BIT
              ? HiddenDistillation::meanSquaredError
              : HiddenDistillation::direction);
    }
    final int heads = teacher.architecture().layers().get(site.layer()).heads();
    return DirectionMatching.relations(
        site, DirectionMatching.relations(values, batch.offsets(), heads, workers), heads, workers);
  }

  @Override
  public void close() {
    frozen.close();
  }
}
