package dev.bantam.runner.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.Progress;
import dev.bantam.compression.CompressedModel;
import dev.bantam.compression.CompressionState;
import dev.bantam.compression.Step;
import dev.bantam.compression.StepResources;
import dev.bantam.data.Metric;
import dev.bantam.data.Split;
import dev.bantam.data.Task;
import dev.bantam.dl4j.Dl4jModel;
import dev.bantam.dl4j.Dl4jNetwork.UpdaterState;
import dev.bantam.export.ModelFolder;
import dev.bantam.runner.experiment.RecipeFile;
import dev.bantam.runner.experiment.Seeds;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.Workers;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** One recipe applied to one DL4J network, outside of an experiment. */
public final class NetworkCompressing {
  private final SavedNetwork network;
  private final RecipeSteps recipe;
  private final Optional<Task> task;
  private final UpdaterState updater;

  /**
   * Checks every step against the network.
   *
   * @param task gives the data that a step may need
   * @param keepsUpdater whether the zip that is written has the updater's state of the source
   * @throws dev.bantam.tensor.BantamException with every problem of the recipe, or if the network
   *     does not fit the task
   */
  public NetworkCompressing(
      SavedNetwork network, RecipeFile<Step> recipe, Optional<Task> task, boolean keepsUpdater) {
    this.network = network;
    this.task = task;
    this.updater = keepsUpdater ? UpdaterState.KEEP : UpdaterState.DROP;
    final Map<String, long[]> shapes = new LinkedHashMap<>();
    network.parameters().forEach((name, tensor) -> shapes.put(name, tensor.shape()));
    this.recipe = new RecipeSteps(recipe, shapes, task);
    task.ifPresent(t -> Tasked.requireFits(network, t));
  }

  /** Prints what each step would do. */
  public void plan(PrintStream out) {
    recipe.plan(network.name(), network.weights(), out);
  }

  /**
   * Applies the steps and writes the network. With a task, scores the source and what was written.
   *
   * @param folder exists and is empty
   * @param seed of draws
   * @return lines for the console
   */
  public String write(Path folder, long seed, Workers workers, Progress progress) {
    final CompressedModel compressed = compress(folder, seed, workers, progress);
    final SavedNetwork written = NetworkFolder.write(folder, network, compressed, updater);
    final Optional<BeforeAndAfter> scores =
        task.map(
            t ->
                new BeforeAndAfter(
                    t,
                    scores(network, t, workers, progress),
                    scores(written, t, workers, progress)));
    final ObjectNode manifest = Json.object();
    manifest.put("bantam", Version.TEXT);
    manifest
        .putObject("model")
        .put("source", network.provenance().source())
        .put("licence", network.provenance().licence())
        .put("sha256", network.provenance().sha256());
    manifest.put("recipe", recipe.yaml());
    NetworkFolder.describe(folder, manifest);
    Json.write(folder.resolve(ModelExport.Names.OF_FOLDER.manifest()), manifest);
    NetworkFolder.card(folder, card(scores));
    final long bytes = folder.resolve(ModelFolder.WEIGHTS).toFile().length();
    final String summary =
        String.format(
            Locale.ROOT,
            "%,d bytes, %.2f x smaller than float32. Read back, packed and as a zip for DL4J: equal"
                + " to the bit.",
            bytes,
            (double) Float.BYTES * compressed.parameters() / bytes);
    return summary + scores.map(s -> "\n" + s.lines()).orElse("");
  }

  private static Map<Metric, Double> scores(
      SavedNetwork scored, Task task, Workers workers, Progress progress) {
    return Tasked.evaluate(scored, task, Split.DEV, Integer.MAX_VALUE, workers, progress);
  }

  private CompressedModel compress(Path folder, long seed, Workers workers, Progress progress) {
    final Path work = AtomicFiles.temporary(folder.toAbsolutePath());
    AtomicFiles.createFolders(work);
    try {
      if (task.isEmpty()) {
        try (Dl4jModel live = network.live(network.parameters())) {
          return recipe.apply(
              new CompressionState(
                  live.parameters(), Seeds.ofDraw(seed, 1), StepResources.weightsOnly(workers)),
              network.weights(),
              progress);
        }
      }
      final Subject subject = new Subject(network, task.get(), Integer.MAX_VALUE, false);
      try (Bench bench = new Bench(subject, workers, progress)) {
        final StepResources resources =
            new BenchResources(bench, OptionalInt.empty(), seed, network.parameters(), work);
        return recipe.apply(
            new CompressionState(bench.weights(), Seeds.ofDraw(seed, 1), resources),
            network.weights(),
            progress);
      }
    } finally {
      AtomicFiles.delete(work);
    }
  }

  private String card(Optional<BeforeAndAfter> scores) {
    return "# "
        + network.name()
        + ", compressed\n\nA DL4J "
        + network.structure().type()
        + ", written by Bantam from `"
        + network.provenance().source()
        + "`.\n\n## Measured\n\n"
        + scores.map(BeforeAndAfter::table).orElse("What it scores was not measured here.")
        + "\n\n## How it was compressed\n\n```yaml\n"
        + recipe.yaml()
        + "```\n\n## How to use it\n\n"
        + NetworkFolder.usage(network)
        + ModelCard.sources(network.provenance());
  }
}
