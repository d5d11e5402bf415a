package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.MavenArtifacts;
import dev.bantam.checkpoint.ModelSource;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressedModel;
import dev.bantam.data.ConllFile;
import dev.bantam.data.DelimitedFile;
import dev.bantam.data.EmbedFile;
import dev.bantam.data.FeatureFile;
import dev.bantam.data.GlueTask;
import dev.bantam.data.Metric;
import dev.bantam.data.Task;
import dev.bantam.data.Tasks;
import dev.bantam.export.ModelFolder;
import dev.bantam.runner.experiment.TaskSpec;
import dev.bantam.tensor.BantamException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;

/** Opens the models and tasks that users name. */
public final class Sources {
  private final Path base;
  private final Progress progress;
  private final boolean offline;

  /**
   * @param base what relative file names are relative to
   * @param progress told about downloads
   * @param offline whether to refuse downloads
   */
  public Sources(Path base, Progress progress, boolean offline) {
    this.base = base;
    this.progress = progress;
    this.offline = offline;
  }

  /** Opens a DL4J network, if that is what a name means. */
  public Optional<SavedNetwork> network(String model) {
    return networkPath(model).map(this::open);
  }

  private Optional<Path> networkPath(String model) {
    return Models.isNamed(model)
        ? Optional.empty()
        : Optional.of(base.resolve(Models.path(model))).filter(SavedNetwork::is);
  }

  private SavedNetwork open(Path path) {
    final SavedNetwork network = SavedNetwork.open(path);
    if (!network.structure().copied().isEmpty()) {
      progress.message(
          network.structure().source()
              + " holds "
              + String.join(", ", network.structure().copied())
              + ", which is copied and not applied: rows of the data must be as the network reads"
              + " them.");
    }
    return network;
  }

  /** Opens a model of any kind: a DL4J network, or an encoder as {@link #model} does. */
  public ModelSource any(String model) {
    final Optional<SavedNetwork> network = network(model);
    return network.isPresent() ? network.get() : model(model);
  }

  /**
   * Opens a named encoder, a folder (packed or not) or an {@code .onnx} file.
   *
   * @throws BantamException (bad input) if there is none, or it is a DL4J network
   */
  public Checkpoint model(String model) {
    final Path folder = Models.isNamed(model) ? null : base.resolve(Models.path(model));
    if (networkPath(model).isPresent()) {
      throw BantamException.badInput(
          "'"
              + model
              + "' is a DL4J network, and an encoder is needed here. Networks can be given to 'run',"
              + " 'plan', 'compress' and 'evaluate'.");
    }
    if (folder != null && DeltaFolder.is(folder)) {
      return DeltaFolder.open(folder, new Models.Options(progress, offline));
    }
    return ModelFolder.open(
        Models.isNamed(model) ? model : base.resolve(Models.path(model)).toString(),
        new Models.Options(progress, offline));
  }

  /**
   * The weights of a model in the forms that they are stored in.
   *
   * @param opened as {@link #model} gave it
   */
  public CompressedModel weights(String model, Checkpoint opened) {
    final Path folder = Models.isNamed(model) ? null : base.resolve(Models.path(model));
    return folder != null && Files.isDirectory(folder) && ModelFolder.isPacked(folder)
        ? ModelFolder.weights(folder, opened.architecture())
        : new CompressedModel(
            ModelFolder.dense(opened.parameters()).tensors(), opened.operations());
  }

  /** Opens a task. */
  public Task task(TaskSpec spec) {
    if (spec instanceof TaskSpec.Named named) {
      return Tasks.open(named.name(), new MavenArtifacts(progress, offline)::resolve);
    }
    if (spec instanceof TaskSpec.Delimited file) {
      return new DelimitedFile(
              file.name(),
              base.resolve(file.train()),
              base.resolve(file.dev()),
              file.text(),
              file.label(),
              Metric.of(file.metric().orElse(Metric.ACCURACY.id())))
          .read();
    }
    if (spec instanceof TaskSpec.Features file) {
      return new FeatureFile(
              file.name(),
              base.resolve(file.train()),
              base.resolve(file.dev()),
              file.features(),
              file.label(),
              file.classes(),
              Metric.of(file.metric().orElse(Metric.ACCURACY.id())))
          .read();
    }
    if (spec instanceof TaskSpec.Glue glue) {
      return GlueTask.of(glue.name()).read(base.resolve(glue.path()));
    }
    if (spec instanceof TaskSpec.Embed texts) {
      return new EmbedFile(
              texts.name(), base.resolve(texts.file()), texts.train().map(base::resolve))
          .read();
    }
    final TaskSpec.Conll file = (TaskSpec.Conll) Objects.requireNonNull(spec, "spec");
    return new ConllFile(
            file.name(),
            base.resolve(file.train()),
            base.resolve(file.dev()),
            file.tokenColumn(),
            file.tagColumn())
        .read();
  }
}
