package dev.bantam.runner.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.checkpoint.Checkpoint;
import dev.bantam.checkpoint.HuggingFaceFolder;
import dev.bantam.checkpoint.Models;
import dev.bantam.checkpoint.Progress;
import dev.bantam.checkpoint.SafetensorsFile;
import dev.bantam.deltamerging.DeltaCoding;
import dev.bantam.deltamerging.DeltaFile;
import dev.bantam.deltamerging.DeltaFile.Kind;
import dev.bantam.deltamerging.DeltaStatistics;
import dev.bantam.deltamerging.DeltaWeights;
import dev.bantam.export.ExportCheck;
import dev.bantam.export.ModelFolder;
import dev.bantam.model.EncoderModel;
import dev.bantam.tensor.BantamException;
import dev.bantam.tensor.Floats;
import dev.bantam.tensor.Workers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.nd4j.linalg.api.ndarray.INDArray;

/** A model folder that holds the differences to another model, and the way back. */
public final class DeltaFolder {
  private DeltaFolder() {}

  /** Whether a folder holds a delta. */
  public static boolean is(Path folder) {
    return Files.isRegularFile(folder.resolve(DeltaFile.NAME));
  }

  /**
   * Restores a model. Its base is looked for under the recorded name: among the named models,
   * beside the folder, and in the working directory; only one with the recorded hash is taken.
   *
   * @throws BantamException (bad input) naming the places, if none has it
   */
  static Checkpoint open(Path folder, Models.Options options) {
    final DeltaFile.BaseModel wanted;
    try (DeltaFile file = DeltaFile.open(folder.resolve(DeltaFile.NAME))) {
      wanted = file.base();
    }
    final Checkpoint base = find(folder, wanted, options);
    try {
      return HuggingFaceFolder.read(
          folder,
          () -> new DeltaWeights(folder.resolve(DeltaFile.NAME), base.parameters()),
          options.progress());
    } finally {
      Bench.free(base.parameters());
    }
  }

  private static Checkpoint find(Path folder, DeltaFile.BaseModel wanted, Models.Options options) {
    final List<String> places = new ArrayList<>();
    if (Models.isNamed(wanted.name())) {
      places.add(wanted.name());
    }
    final Path parent = folder.toAbsolutePath().getParent();
    for (Path place :
        List.of(
            (parent == null ? folder : parent).resolve(wanted.name()), Path.of(wanted.name()))) {
      if (Files.exists(place)) {
        places.add(place.toString());
      }
    }
    final List<String> others = new ArrayList<>();
    for (String place : places) {
      final Checkpoint found = ModelFolder.open(place, options);
      if (found.provenance().sha256().equals(wanted.sha256())) {
        return found;
      }
      others.add(place + " (other weights)");
      Bench.free(found.parameters());
    }
    throw BantamException.badInput(
        folder
            + " holds differences to the model '"
            + wanted.name()
            + "' with SHA-256 "
            + wanted.sha256()
            + ", which was not found"
            + (others.isEmpty() ? "" : "; looked at " + String.join(", ", others))
            + ". Put it beside "
            + folder
            + " under that name.");
  }

  /**
   * Writes a folder, reads it back and compares.
   *
   * @param folder exists and is empty
   * @return a few lines for the console
   */
  public static String write(
      Path folder,
      Checkpoint base,
      Checkpoint tuned,
      DeltaCoding coding,
      Workers workers,
      Progress progress) {
    final DeltaFile.BaseModel origin =
        new DeltaFile.BaseModel(base.name(), base.provenance().sha256());
    final DeltaStatistics statistics = statistics(base.parameters(), tuned.parameters());
    if (coding.density() < 1 && statistics.tooLargeToDrop()) {
      progress.message(
          "Warning: the deltas are large ("
              + statistics
              + "). Dropping is known to fail for models trained far from their base.");
    }
    final Path file = folder.resolve(DeltaFile.NAME);
    final DeltaFile.Sizes sizes =
        DeltaFile.write(
            file, origin, coding, base.parameters(), tuned.parameters(), Map.of(), workers);
    ModelFolder.describe(folder, tuned, card(origin, tuned, coding));
    final Checkpoint back =
        HuggingFaceFolder.read(folder, () -> new DeltaWeights(file, base.parameters()), progress);
    final ExportCheck check;
    final double largest;
    try (EncoderModel one = Encoders.of(tuned, workers);
        EncoderModel other = Encoders.of(back, workers)) {
      check = ExportCheck.compare(one, other, back);
      largest = difference(tuned.parameters(), back.parameters());
    } finally {
      Bench.free(back.parameters());
    }
    final ObjectNode manifest = Json.object();
    manifest.put("bantam", Version.TEXT).put("format", "delta").put("coding", coding.toString());
    manifest.putObject("base").put("name", origin.name()).put("sha256", origin.sha256());
    manifest
        .putObject("bytes")
        .put("values", sizes.of(Kind.VALUES, Kind.CODES))
        .put("scales", sizes.of(Kind.SCALES))
        .put("masks", sizes.of(Kind.MASKS))
        .put("whole", sizes.of(Kind.WHOLE))
        .put("header", sizes.header());
    manifest.put("largest_weight_difference", largest);
    OnnxExport.describe(check, manifest);
    manifest.put("file", DeltaFile.NAME).put("file_sha256", SafetensorsFile.sha256(file));
    Json.write(folder.resolve("manifest.json"), manifest);
    final long dense =
        tuned.parameters().values().stream().mapToLong(t -> Float.BYTES * t.length()).sum();
    return String.format(
        Locale.ROOT,
        "%s%n%,d bytes, %.1f x smaller than float32: values %,d, scales %,d, masks %,d, whole"
            + " tensors %,d, header %,d%nRead back on %d texts: largest difference of outputs %.3g,"
            + " %d predictions changed; of weights %.3g",
        statistics,
        sizes.total(),
        (double) dense / sizes.total(),
        sizes.of(Kind.VALUES, Kind.CODES),
        sizes.of(Kind.SCALES),
        sizes.of(Kind.MASKS),
        sizes.of(Kind.WHOLE),
        sizes.header(),
        check.inputs(),
        check.largest(),
        check.flips(),
        largest);
  }

  /** Of all tensors that both models have. */
  public static DeltaStatistics statistics(
      Map<String, INDArray> base, Map<String, INDArray> tuned) {
    final DeltaStatistics all = new DeltaStatistics();
    tuned.forEach(
        (name, tensor) -> {
          final INDArray origin = base.get(name);
          if (origin != null && Arrays.equals(origin.shape(), tensor.shape())) {
            all.add(Floats.toArray(origin), Floats.toArray(tensor), 1);
          }
        });
    return all;
  }

  /** As {@link #statistics}, for each layer and what stands around them; last {@code all}. */
  public static Map<String, DeltaStatistics> statisticsByPart(
      Map<String, INDArray> base, Map<String, INDArray> tuned) {
    final Map<String, DeltaStatistics> parts = new LinkedHashMap<>();
    final DeltaStatistics all = new DeltaStatistics();
    tuned.forEach(
        (name, tensor) -> {
          final DeltaStatistics one = statistics(base, Map.of(name, tensor));
          if (one.elements() > 0) {
            parts.computeIfAbsent(part(name), p -> new DeltaStatistics()).add(one);
            all.add(one);
          }
        });
    parts.put("all", all);
    return parts;
  }

  /** {@code encoder.layer.3.output.dense.weight} is in {@code layer 3}. */
  private static String part(String name) {
    final String[] words = name.split("\\.");
    return words.length > 2 && words[1].equals("layer") ? "layer " + words[2] : words[0];
  }

  private static double difference(Map<String, INDArray> one, Map<String, INDArray> other) {
    double largest = 0;
    for (Map.Entry<String, INDArray> entry : one.entrySet()) {
      final float[] a = Floats.toArray(entry.getValue());
      final float[] b = Floats.toArray(other.get(entry.getKey()));
      for (int i = 0; i < a.length; i++) {
        largest = Math.max(largest, Math.abs((double) a[i] - b[i]));
      }
    }
    return largest;
  }

  private static String card(DeltaFile.BaseModel base, Checkpoint tuned, DeltaCoding coding) {
    return "# "
        + tuned.name()
        + ", as differences to "
        + base.name()
        + "\n\nWritten by Bantam. "
        + DeltaFile.NAME
        + " holds the differences ("
        + coding
        + ") to the model `"
        + base.name()
        + "` whose weights have the SHA-256\n`"
        + base.sha256()
        + "`. Bantam opens this folder like any model folder when that one stands beside it under"
        + " its name, or is a\nnamed model. `manifest.json` has sizes by part, and how far the"
        + " outputs are from the source's.\n"
        + ModelCard.sources(tuned.provenance());
  }
}
