package dev.bantam.runner.run;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.MavenArtifacts;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressedModel;
import dev.bantam.data.ConllFile;
import dev.bantam.data.DelimitedFile;
import dev.bantam.data.EmbedFile;
import dev.bantam.data.GlueTask;
import dev.bantam.data.Metric;
import dev.bantam.data.Task;
import dev.bantam.data.Tasks;
import dev.bantam.export.ModelFolder;
import dev.bantam.runner.experiment.TaskSpec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

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

  /** Opens a named model, a folder (packed or not) or an {@code .onnx} file. */
  public Checkpoint model(String model) {
    final Path folder = Models.isNamed(model) ? null : base.resolve(Models.path(model));
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
