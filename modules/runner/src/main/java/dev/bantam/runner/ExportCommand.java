package dev.bantam.runner;

import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.compression.CompressedModel;
import dev.bantam.deltamerging.DeltaCoding;
import dev.bantam.deltamerging.Sparsifier;
import dev.bantam.export.onnx.OnnxOutput;
import dev.bantam.export.onnx.OnnxWriter;
import dev.bantam.runner.experiment.ExportFormat;
import dev.bantam.runner.run.Calibrating;
import dev.bantam.runner.run.DeltaFolder;
import dev.bantam.runner.run.ExportFormats;
import dev.bantam.runner.run.ModelExport;
import dev.bantam.runner.run.Sources;
import dev.bantam.tensor.Suggestions;
import dev.bantam.tensor.Workers;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code bantam export}. */
@Command(
    name = "export",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Versions.class,
    description = {
      "Write a model in a format that other programs read, then read it back and compare.",
      "onnx: float32. onnx-int8: int8 weights, activations quantized while it runs, or with"
          + " --calibrate by fixed ranges; a quarter of the size. onnx-int4: 4-bit weights for ONNX Runtime; a fifth. safetensors: a Hugging"
          + " Face folder, packed as the model is, or --dense. compressed-tensors: integer codes as"
          + " that library stores them."
    })
final class ExportCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "MODEL",
      description = "A named model, a model folder (packed or not), or an .onnx file.")
  private String model;

  @Option(
      names = "--format",
      required = true,
      paramLabel = "F",
      description = "safetensors, compressed-tensors, onnx, onnx-int8, onnx-int4 or delta.")
  private String format;

  @Option(
      names = "-o",
      required = true,
      paramLabel = "PATH",
      description =
          "A folder to write, with tokenizer, configuration, card and manifest; or a name that ends"
              + " in .onnx, with these beside it. Neither may exist yet.")
  private Path output;

  @Option(
      names = "--result",
      paramLabel = "R",
      description =
          "What an ONNX file gives: tokens (last hidden states), sentence (one vector a text, pooled"
              + " and normalised inside) or logits (default: logits if the model has a head, else"
              + " tokens).")
  private OnnxOutput result;

  @Option(
      names = "--bits",
      paramLabel = "N",
      description =
          "Of onnx-int8: 8 (default), or 7 for x86 processors without VNNI, whose sums of 8-bit"
              + " products saturate. Of compressed-tensors: 2..8 (default 4). Of delta: of a value, 1 (signs), 2..8, 16 or 32 (default 8).")
  private Integer bits;

  @Option(
      names = "--calibrate",
      paramLabel = "T",
      description =
          "Of onnx-int8: fixed ranges for activations, measured on training texts of a task, in place"
              + " of ranges that are found when it runs. "
              + TaskOption.DESCRIPTION)
  private String calibrate;

  @Option(
      names = "--observer",
      paramLabel = "O",
      description =
          "With --calibrate: how a range follows from values: min-max, average, moving-average,"
              + " percentile (default; 99.99), mse, kl or entropy.")
  private String observer;

  @Option(
      names = "--rows",
      paramLabel = "N",
      description = "With --calibrate: training texts (default 256).")
  private Integer rows;

  @Option(names = "--dense", description = "Of safetensors: plain float32, which every tool reads.")
  private boolean dense;

  @Option(
      names = "--base",
      paramLabel = "BASE",
      description = "Of delta: the model that MODEL was fine-tuned from.")
  private String base;

  @Option(
      names = "--density",
      paramLabel = "D",
      description =
          "Of delta: share of differences kept at random and divided by it (DARE), in (0, 1]"
              + " (default: 1, all of them).")
  private Double density;

  @Option(
      names = "--positions",
      paramLabel = "P",
      description =
          "Of delta with a density: how it is told what is kept. seed (default): not at all, the"
              + " mask is drawn again; bitmap, gaps, or the smallest of both.")
  private DeltaCoding.Positions positions;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Of delta: seed of the mask; with --calibrate: of the texts (default 1).")
  private Long seed;

  @Option(names = "--dry-run", description = "Check everything and stop.")
  private boolean dryRun;

  @Option(names = "--force", description = "Replace what exists.")
  private boolean force;

  @Mixin private Common common;

  @Override
  public Integer call() {
    if (format.equals("delta")) {
      return delta();
    }
    if (base != null || density != null || positions != null) {
      throw Main.usage("--base, --density and --positions are for --format delta alone.");
    }
    if (calibrate == null && (observer != null || rows != null || seed != null)) {
      throw Main.usage("--observer, --rows and --seed have no meaning without --calibrate.");
    }
    final ExportFormat chosen = chosen();
    final ModelExport.Options options = options(chosen);
    final boolean file = isOnnx(output);
    final boolean folders =
        chosen == ExportFormat.SAFETENSORS || chosen == ExportFormat.COMPRESSED_TENSORS;
    if (file && folders) {
      throw Main.usage(
          output
              + " is the name of an ONNX file, and --format "
              + format
              + " writes a folder. Name a"
              + " folder, or ask for --format onnx.");
    }
    final NewFolder folder = new NewFolder(output, force);
    final NewOnnxFile single = new NewOnnxFile(output, force);
    if (file) {
      single.check();
    } else {
      folder.check();
    }
    final Sources sources = new Sources(Path.of(""), common.progress(), common.offline());
    final Checkpoint checkpoint = sources.model(model);
    final CompressedModel weights = sources.weights(model, checkpoint);
    ModelExport.check(checkpoint, weights, options);
    if (file) {
      single.check(checkpoint);
    }
    if (dryRun) {
      System.out.println("Would write " + checkpoint.name() + " as " + format + " to " + output);
      return 0;
    }
    try (Workers workers = new Workers(common.threads())) {
      final ModelExport export =
          new ModelExport(checkpoint, weights, "", options, workers, common.progress());
      if (file) {
        single.write(path -> print(export.write(path, single.names())));
      } else {
        folder.write(path -> print(export.write(path, ModelExport.Names.OF_FOLDER)));
      }
      System.out.println("Written: " + output);
    }
    return 0;
  }

  private int delta() {
    if (base == null) {
      throw Main.usage("--format delta needs --base: the model that this one was fine-tuned from.");
    }
    if (dense || result != null || calibrate != null || observer != null || rows != null) {
      throw Main.usage(
          "--dense, --result, --calibrate, --observer and --rows are not for --format delta.");
    }
    final DeltaCoding coding = coding();
    final NewFolder folder = new NewFolder(output, force);
    folder.check();
    final Sources sources = new Sources(Path.of(""), common.progress(), common.offline());
    final Checkpoint tuned = sources.model(model);
    final Checkpoint origin = sources.model(base);
    OnnxWriter.requirePlain(sources.weights(model, tuned));
    OnnxWriter.requirePlain(sources.weights(base, origin));
    if (dryRun) {
      System.out.println(
          DeltaFolder.statistics(origin.parameters(), tuned.parameters())
              + "\nWould write "
              + tuned.name()
              + " as "
              + coding
              + " to "
              + output);
      return 0;
    }
    try (Workers workers = new Workers(common.threads())) {
      folder.write(
          path ->
              System.out.println(
                  DeltaFolder.write(path, origin, tuned, coding, workers, common.progress())));
    }
    System.out.println("Written: " + output);
    return 0;
  }

  private DeltaCoding coding() {
    final double share = density == null ? 1 : density;
    final int width = bits == null ? 8 : bits;
    if (!(share > 0 && share <= 1)) {
      throw Main.usage("--density is " + share + " and must be in (0, 1].");
    }
    if (width != 16 && width != 32 && (width < 1 || width > 8)) {
      throw Main.usage("--bits is " + width + "; of delta it is 1..8, 16 or 32.");
    }
    final List<String> whole = List.of("LayerNorm", ".bias");
    return share < 1
        ? new DeltaCoding(
            Sparsifier.DARE,
            share,
            positions == null ? DeltaCoding.Positions.SEED : positions,
            width,
            seed == null ? 1 : seed,
            whole)
        : new DeltaCoding(Sparsifier.NONE, 1, DeltaCoding.Positions.SEED, width, 1, whole);
  }

  private static void print(ModelExport.Written written) {
    System.out.println(written.summary());
  }

  private static boolean isOnnx(Path path) {
    return path.toString().toLowerCase(Locale.ROOT).endsWith(".onnx");
  }

  private ExportFormat chosen() {
    final List<String> names =
        Arrays.stream(ExportFormat.values())
            .filter(f -> ExportFormats.unsupported(f).isEmpty())
            .map(ExportFormats::id)
            .toList();
    for (ExportFormat candidate : ExportFormat.values()) {
      if (ExportFormats.id(candidate).equals(format)) {
        ExportFormats.unsupported(candidate)
            .ifPresent(
                why -> {
                  throw Main.usage("--format: " + why);
                });
        return candidate;
      }
    }
    throw Main.usage(
        "Unknown format '"
            + format
            + "'. "
            + Suggestions.didYouMean(format, names)
            + "There are "
            + String.join(", ", names)
            + ".");
  }

  private ModelExport.Options options(ExportFormat chosen) {
    final boolean wide = chosen == ExportFormat.COMPRESSED_TENSORS;
    if (bits != null && wide && (bits < 2 || bits > 8)) {
      throw Main.usage("--bits is " + bits + "; of compressed-tensors it is 2..8.");
    }
    if (bits != null && !wide && (chosen != ExportFormat.ONNX_INT8 || (bits != 7 && bits != 8))) {
      throw Main.usage("--bits is 7 or 8, for --format onnx-int8 alone.");
    }
    if (dense && chosen != ExportFormat.SAFETENSORS) {
      throw Main.usage("--dense is for --format safetensors alone.");
    }
    if (result != null && (wide || chosen == ExportFormat.SAFETENSORS)) {
      throw Main.usage("--result is for ONNX formats alone.");
    }
    if (calibrate != null && chosen != ExportFormat.ONNX_INT8) {
      throw Main.usage("--calibrate is for --format onnx-int8 alone.");
    }
    return new ModelExport.Options(
        chosen, Optional.ofNullable(result), Optional.ofNullable(bits), dense, ranges());
  }

  private Optional<Calibrating> ranges() {
    if (calibrate == null) {
      return Optional.empty();
    }
    if (rows != null && (rows < 1 || rows > Calibrating.mostRows())) {
      throw Main.usage(
          "--rows is " + rows + " and must be from 1 to " + Calibrating.mostRows() + ".");
    }
    final String rule = observer == null ? "percentile" : observer;
    if (!Calibrating.observers().contains(rule)) {
      throw Main.usage(
          "Unknown observer '"
              + rule
              + "'. "
              + Suggestions.didYouMean(rule, Calibrating.observers())
              + "There are "
              + String.join(", ", Calibrating.observers())
              + ".");
    }
    return Optional.of(
        new Calibrating(
            TaskOption.open(calibrate, common),
            rule,
            rows == null ? 256 : rows,
            seed == null ? 1 : seed));
  }
}
