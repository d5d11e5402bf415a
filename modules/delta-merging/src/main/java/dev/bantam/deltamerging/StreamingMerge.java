package dev.bantam.deltamerging;

import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.SafetensorsEntry;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.checkpoint.SafetensorsWriter;
import dev.bantam.deltamerging.OutputTensor.Action;
import dev.bantam.tensor.AtomicFiles;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.ExitCode;
import dev.bantam.tensor.Hashes;
import dev.bantam.tensor.UnwritableException;
import dev.bantam.tensor.Workers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * Merges model folders of any size, tensor by tensor: memory holds the tensors that are being
 * merged and nothing else. The result appears whole or not at all; a merge that was killed goes on
 * where it was. The bytes depend on the recipe, the seed and the models, not on the number of
 * threads.
 */
public final class StreamingMerge implements AutoCloseable {
  /** Memory for tensors that are merged beside the largest one. */
  private static final long MEMORY = 256L << 20;

  private final MergeRecipe recipe;
  private final MergeSources sources;
  private final long seed;
  private final List<SourceModel> opened = new ArrayList<>();
  private final Optional<SourceModel> base;
  private final List<SourceModel> models = new ArrayList<>();
  private final MergePlan plan;
  private final TensorMerger merger;
  private final OutputShards shards;
  private final double[] fisherCoefficients;

  private StreamingMerge(MergeRecipe recipe, MergeSources sources, long seed) {
    this.recipe = recipe;
    this.sources = sources;
    this.seed = seed;
    boolean complete = false;
    try {
      base = sources.base().map(this::open);
      sources.models().forEach(folder -> models.add(open(folder)));
      plan = new MergePlan(recipe, sources, base, models);
      final List<String> names = plan.tensors().stream().map(OutputTensor::name).toList();
      merger = new TensorMerger(recipe, TensorNames.layers(names), seed);
      plan.tensors().stream()
          .filter(t -> t.action() == Action.MERGE)
          .forEach(t -> merger.check(t.name()));
      checkStatistics();
      fisherCoefficients = fisherCoefficients();
      shards = new OutputShards(plan.tensors(), sources.shardBytes());
      complete = true;
    } finally {
      if (!complete) {
        close();
      }
    }
  }

  /**
   * Opens all models and checks that they fit together.
   *
   * @param seed of random masks
   * @throws BantamException (bad input) naming everything that does not fit, (bad file) if a
   *     parameter is missing or out of range
   */
  public static StreamingMerge open(MergeRecipe recipe, MergeSources sources, long seed) {
    return new StreamingMerge(recipe, sources, seed);
  }

  private SourceModel open(MergeSources.Folder folder) {
    final SourceModel model = SourceModel.open(folder);
    opened.add(model);
    return model;
  }

  /** Bytes of the files of tensors, heads that are kept apart not included. */
  public long bytes() {
    return shards.bytes();
  }

  /**
   * Bytes of memory for the tensors of the largest step, everything else of the JVM not counted.
   */
  public long memory() {
    return plan.tensors().stream().mapToLong(this::memory).max().orElse(0);
  }

  private long memory(OutputTensor t) {
    if (t.action() != Action.MERGE) {
      return 0;
    }
    long arrays = (long) models.size() + (plan.baseNeeded() ? 1 : 0) + merger.scratchArrays();
    long more = 0;
    if (recipe.method() == MergeMethod.FISHER) {
      arrays += models.size();
    } else if (recipe.method() == MergeMethod.REGMEAN && hasMoments(t)) {
      final long in = t.shape().get(t.shape().size() - 1);
      more = in * in * (Float.BYTES * (long) models.size() + Double.BYTES);
    }
    return Math.addExact(Math.multiplyExact(t.elements() * Float.BYTES, arrays), more);
  }

  /** What will be done, for a person. */
  public String describe() {
    final StringBuilder text = new StringBuilder();
    final long merged = plan.tensors().stream().filter(t -> t.action() == Action.MERGE).count();
    text.append(
        String.format(
            Locale.ROOT,
            "%s of %d models%s: %d tensors merged, %d copied; %,d bytes in %d file%s; %,d MB of"
                + " memory for the largest tensor",
            recipe.method().word(),
            models.size(),
            base.map(b -> " on " + b.name()).orElse(""),
            merged,
            plan.tensors().size() - merged,
            bytes(),
            shards.count(),
            shards.count() == 1 ? "" : "s",
            memory() / 1_000_000));
    for (int t = 0; t < models.size(); t++) {
      if (!plan.apart(t).isEmpty()) {
        text.append("\nheads/").append(models.get(t).name()).append(": ");
        text.append(String.join(", ", plan.apart(t)));
      }
    }
    plan.notes().forEach(note -> text.append('\n').append(note));
    return text.toString();
  }

  /**
   * Merges and writes the folder. What is unfinished stands in a folder of the same name with
   * {@code .partial} behind it, and a later call goes on there.
   *
   * @param target must not exist, unless it may be replaced
   * @param fresh whether an unfinished other merge there is given up
   * @param publish puts the finished folder, its argument, in place of the target
   * @throws BantamException (would not fit) if memory or disk is too small, (resume mismatch) if
   *     another merge is unfinished there
   */
  public void write(
      Path target,
      boolean fresh,
      Workers workers,
      Progress progress,
      java.util.function.Consumer<Path> publish) {
    checkMemory();
    final Path absolute = target.toAbsolutePath();
    final Path work = absolute.resolveSibling(absolute.getFileName() + ".partial");
    AtomicFiles.createFolders(work);
    try (MergeJournal journal = MergeJournal.open(work, key(), fresh)) {
      final Path folder = work.resolve("model");
      AtomicFiles.createFolders(folder);
      writeTensors(folder, journal, workers, progress);
      writeFiles(folder);
      publish.accept(folder);
    } catch (IOException e) {
      throw UnwritableException.of(work, e);
    }
    AtomicFiles.delete(work);
  }

  /** All that the result depends on. */
  private Map<String, String> key() {
    final Map<String, String> key = new LinkedHashMap<>();
    key.put("recipe", hash(recipe.text()));
    key.put("seed", Long.toString(seed));
    key.put(
        "output",
        hash(
            sources.heads()
                + " "
                + sources.attached()
                + " "
                + sources.tokenizer()
                + " "
                + sources.outDtype()
                + " "
                + sources.shardBytes()));
    base.ifPresent(b -> key.put("base", b.identity()));
    for (SourceModel model : models) {
      key.put("model " + model.name(), model.identity());
      model
          .statistics()
          .ifPresent(s -> key.put("statistics of " + model.name(), hash(s.entries().toString())));
    }
    return key;
  }

  private static String hash(String text) {
    return Hashes.of(text.getBytes(StandardCharsets.UTF_8));
  }

  private void checkMemory() {
    final long heap = Runtime.getRuntime().maxMemory();
    if (memory() + MEMORY > heap / 100 * 90) {
      throw new BantamException(
          ExitCode.WOULD_NOT_FIT,
          String.format(
              Locale.ROOT,
              "The largest tensor needs %,d MB for all models together, and Java may use %,d MB."
                  + " Give it more, for example with BANTAM_JAVA_OPTS=-Xmx%dg.",
              memory() / 1_000_000,
              heap / 1_000_000,
              memory() / 900_000_000 + 2));
    }
  }

  private void writeTensors(Path folder, MergeJournal journal, Workers workers, Progress progress)
      throws IOException {
    final List<FileChannel> channels = new ArrayList<>();
    try {
      shards.open(folder, channels);
      if (!shards.areIntact(channels)) {
        journal.forget(); // what it says is about other files
      }
      final List<OutputTensor> left =
          plan.tensors().stream().filter(t -> !journal.isDone(t.name())).toList();
      checkDisk(folder, left);
      shards.prepare(channels);
      if (left.size() < plan.tensors().size()) {
        progress.message(
            "Going on: "
                + (plan.tensors().size() - left.size())
                + " of "
                + plan.tensors().size()
                + " tensors are there.");
      }
      run(channels, journal, left, workers, progress);
      for (FileChannel channel : channels) {
        channel.force(true);
      }
    } finally {
      for (FileChannel channel : channels) {
        channel.close();
      }
    }
  }

  private void run(
      List<FileChannel> channels,
      MergeJournal journal,
      List<OutputTensor> left,
      Workers workers,
      Progress progress)
      throws IOException {
    final MergeReader reader = new MergeReader(plan, models, recipe, fisherCoefficients);
    final FloatPool pool = new FloatPool(memory() + MEMORY);
    final WholeModel whole =
        recipe.method().needsWholeModel() && !left.isEmpty()
            ? reader.wholeModel(merger, pool, progress)
            : null;
    final DeltaWatch watch = new DeltaWatch(models);
    final TensorFiles[] buffers = new TensorFiles[workers.threads()];
    java.util.Arrays.setAll(buffers, w -> new TensorFiles());
    final long total = left.stream().mapToLong(OutputTensor::bytes).sum();
    try (Progress.Bar bar = progress.start("Merging", total, "bytes")) {
      workers.run(
          left.size(),
          (index, worker) -> {
            final OutputTensor t = left.get(index);
            final FileChannel file = channels.get(shards.file(t.name()));
            final long at = shards.begin(t.name());
            try {
              if (t.action() == Action.MERGE) {
                final long bytes = memory(t);
                pool.reserve(bytes);
                try {
                  final float[][] tensors = reader.tensors(t, pool, buffers[worker]);
                  if (recipe.front().isRandom()) {
                    watch.add(tensors);
                  }
                  final float[] merged = merge(t, tensors, reader, whole, buffers[worker]);
                  buffers[worker].write(merged, t.type(), file, at);
                  for (float[] array : tensors) {
                    pool.give(array);
                  }
                } finally {
                  pool.release(bytes);
                }
              } else {
                reader.copy(t, file, at, buffers[worker]);
              }
              journal.written(t.name(), t.bytes(), file);
            } catch (IOException e) {
              throw UnwritableException.of(journal.folder(), e);
            }
            bar.advance(t.bytes());
          });
    }
    journal.sync();
    watch.warn(progress);
  }

  private float[] merge(
      OutputTensor t, float[][] tensors, MergeReader reader, WholeModel whole, TensorFiles buffer) {
    final boolean withBase = plan.baseNeeded();
    final float[][] inputs = java.util.Arrays.copyOf(tensors, models.size());
    final float[] merged =
        merger.merge(
            t.name(),
            t.dimensions(),
            withBase ? tensors[models.size()] : null,
            inputs,
            t.precision(),
            reader.statistics(t, buffer).orElse(null),
            whole);
    FiniteValues.require(t, merged);
    return merged;
  }

  private static void checkDisk(Path folder, List<OutputTensor> left) throws IOException {
    final long needed = left.stream().mapToLong(OutputTensor::bytes).sum();
    final long free = Files.getFileStore(folder).getUsableSpace();
    if (free < needed) {
      throw UnwritableException.noRoom(folder.getParent(), needed, free);
    }
  }

  /** Everything but the tensors of the merged model. */
  private void writeFiles(Path folder) {
    shards.writeIndex(folder, plan.tensors().stream().mapToLong(OutputTensor::bytes).sum());
    for (int t = 0; t < models.size(); t++) {
      if (!plan.apart(t).isEmpty()) {
        writeHead(folder, t);
      }
    }
    final SourceModel pattern = plan.pattern();
    final String type = sources.outDtype().or(recipe::dtype).map(Precision::word).orElse(null);
    OutputFiles.write(
        folder.resolve("config.json"), OutputFiles.config(pattern.config(), plan.hasHead(), type));
    final SourceModel tokens =
        sources.tokenizer().flatMap(this::model).or(() -> base).orElse(pattern);
    OutputFiles.tokenizer(tokens.path(), folder);
    if (!plan.hasHead()) {
      OutputFiles.sentenceFiles(pattern.path(), folder);
    }
    OutputFiles.write(
        folder.resolve("merge.json"),
        OutputFiles.record(recipe, seed, base.map(SourceModel::name)));
  }

  private Optional<SourceModel> model(String name) {
    return opened.stream().filter(m -> m.name().equals(name)).findFirst();
  }

  /** A head, with the configuration that names its labels. */
  private void writeHead(Path folder, int model) {
    final SourceModel source = models.get(model);
    final Path head = folder.resolve("heads").resolve(source.name());
    AtomicFiles.createFolders(head);
    final SafetensorsWriter writer = new SafetensorsWriter().metadata("format", "pt");
    for (String name : plan.apart(model)) {
      final SafetensorsEntry entry = source.entry(name);
      final String stored = source.stored().get(name);
      writer.add(stored, entry.type(), entry.shape(), out -> out.write(bytes(source, stored)));
    }
    writer.write(head.resolve("model.safetensors"));
    OutputFiles.write(head.resolve("config.json"), source.config());
  }

  private static byte[] bytes(SourceModel source, String stored) {
    final ByteBuffer buffer =
        ByteBuffer.allocate(Math.toIntExact(source.tensors().entry(stored).bytes()));
    source.tensors().read(stored, 0, buffer);
    return buffer.array();
  }

  private boolean hasMoments(OutputTensor t) {
    return models.stream()
        .allMatch(m -> m.statistics().flatMap(s -> MergeReader.statistic(s, t)).isPresent());
  }

  private void checkStatistics() {
    if (recipe.method() != MergeMethod.FISHER && recipe.method() != MergeMethod.REGMEAN) {
      return;
    }
    final List<String> problems = new ArrayList<>();
    for (SourceModel model : models) {
      if (model.statistics().isEmpty()) {
        problems.add("'statistics' of " + model.name() + " is missing");
        continue;
      }
      final SafetensorsFile file = model.statistics().get();
      boolean any = false;
      for (OutputTensor t : plan.tensors()) {
        final Optional<SafetensorsEntry> entry = MergeReader.statistic(file, t);
        any |= entry.isPresent();
        if (recipe.method() == MergeMethod.FISHER && t.action() == Action.MERGE) {
          if (entry.isEmpty()) {
            problems.add(file.path() + " has no '" + t.canonical() + "'");
          } else if (!entry.get().dimensions().equals(t.shape())) {
            problems.add(file.path() + ": '" + t.canonical() + "' is not " + t.shape());
          }
        } else if (entry.isPresent() && t.shape().size() == 2) {
          final long in = t.shape().get(1);
          if (!entry.get().dimensions().equals(List.of(in, in))) {
            problems.add(file.path() + ": '" + t.canonical() + "' is not [" + in + ", " + in + "]");
          }
        }
      }
      if (!any) {
        problems.add(file.path() + " names none of the tensors");
      }
    }
    if (!problems.isEmpty()) {
      throw BantamException.badInput(
          recipe.method().word()
              + " needs a safetensors file for every model:\n  - "
              + String.join("\n  - ", problems));
    }
  }

  private double[] fisherCoefficients() {
    final double[] coefficients = new double[models.size()];
    java.util.Arrays.fill(coefficients, 1);
    final boolean normalized =
        recipe.method() == MergeMethod.FISHER && merger.parameters("").flag("normalize_fisher");
    if (normalized) {
      StatisticsMerging.normalize(coefficients, MergeReader.fisherNorms(plan, models));
    }
    return coefficients;
  }

  @Override
  public void close() {
    opened.forEach(SourceModel::close);
  }
}
