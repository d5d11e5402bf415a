package dev.bantam.report;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.bantam.tensor.Hashes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.Random;

/** Run folders for tests: small ones with given numbers, and one that looks like the real thing. */
final class Samples {
  static final long EMBEDDINGS = 11_918_592;
  static final long ENCODER = 10_616_832;
  static final long REST = 64_000;
  static final long HEAD = 5_390;
  static final long DENSE = EMBEDDINGS + ENCODER + REST + HEAD;

  private Samples() {}

  static String hash(String of) {
    return Hashes.of(of.getBytes(StandardCharsets.UTF_8));
  }

  static CellId id(String variant, long seed) {
    return new CellId("tiny", "mini", "words", variant, seed, 1, "dev");
  }

  /** 1000 dense parameters, 600 of them in the encoder, and a file of {@code bytes}. */
  static CellResult result(String metric, double value, long bytes) {
    return result(metric, value, bytes, List.of());
  }

  private static CellResult result(
      String metric, double value, long bytes, List<StepRecord> steps) {
    final StoredSize size =
        new StoredSize(
            1000,
            600,
            300,
            bytes,
            List.of(
                new SizePart("encoder", "codes", 300), new SizePart("rest", "values", bytes - 300)),
            hash("file" + bytes));
    return new CellResult(
        metric, Map.of(metric, value), 50, size, 0.25, OptionalDouble.empty(), steps, List.of());
  }

  static CellRecord ok(String variant, long seed, double accuracy) {
    return ok(id(variant, seed), accuracy, 1000);
  }

  static CellRecord ok(CellId id, double accuracy, long bytes) {
    final List<StepRecord> steps =
        id.variant().startsWith("dense")
            ? List.of()
            : List.of(
                new StepRecord(
                    "merge", "average", JsonNodeFactory.instance.objectNode(), List.of()));
    return CellRecord.ok(id, hash(id.describe()), result("accuracy", accuracy, bytes, steps));
  }

  static CellRecord failed(CellId id, String error) {
    return CellRecord.failed(id, hash(id.describe()), error);
  }

  static String folderOf(CellRecord record) {
    final CellId id = record.cell();
    return id.variant() + "-s" + id.seed() + "-d" + id.draw();
  }

  /** A manifest that lists variants and cells of the records in their order. */
  static ObjectNode manifest(List<CellRecord> records) {
    final ObjectNode manifest = Json.object();
    manifest.put("version", "0.1.0");
    final ArrayNode variants = manifest.putArray("variants");
    records.stream().map(r -> r.cell().variant()).distinct().forEach(variants::add);
    final ArrayNode cells = manifest.putArray("cells");
    records.forEach(record -> cells.add(folderOf(record)));
    return manifest;
  }

  static Path write(Path folder, List<CellRecord> records) throws IOException {
    return write(folder, records, Map.of(), manifest(records));
  }

  static Path write(
      Path folder,
      List<CellRecord> records,
      Map<CellRecord, CellTimings> timings,
      ObjectNode manifest)
      throws IOException {
    Files.createDirectories(folder.resolve("cells"));
    Json.write(folder.resolve("manifest.json"), manifest);
    Files.writeString(folder.resolve("experiment.resolved.yaml"), "name: tiny\n");
    for (CellRecord record : records) {
      final Path cell = Files.createDirectories(folder.resolve("cells").resolve(folderOf(record)));
      record.write(cell.resolve("result.json"));
      if (timings.containsKey(record)) {
        timings.get(record).write(cell.resolve("timings.json"));
      }
    }
    return folder;
  }

  static ReportContext context() {
    return new ReportContext("", "./bantam run experiments/tiny", "0.1.0");
  }

  private record Kind(String variant, double accuracy, double sparsity, int bits) {}

  /** What a quickstart run looks like: eight variants, three seeds, six encoder layers. */
  static Path quickstart(Path folder) throws IOException {
    return realistic(
        folder,
        List.of(
            new Kind("dense", 0.8412, 0, 0),
            new Kind("magnitude-0.6", 0.8301, 0.6, 0),
            new Kind("magnitude-0.7", 0.8093, 0.7, 0),
            new Kind("magnitude-0.8", 0.7424, 0.8, 0),
            new Kind("magnitude-layer-0.8", 0.7251, 0.8, 0),
            new Kind("rtn-int8", 0.8409, 0, 8),
            new Kind("rtn-int4", 0.8322, 0, 4),
            new Kind("rtn-int2", 0.2817, 0, 2)));
  }

  /** Twelve variants that crowd around the dense value. */
  static Path crowded(Path folder) throws IOException {
    return realistic(
        folder,
        List.of(
            new Kind("dense", 0.8412, 0, 0),
            new Kind("magnitude-0.6", 0.8301, 0.6, 0),
            new Kind("magnitude-0.7", 0.8093, 0.7, 0),
            new Kind("magnitude-0.8", 0.7824, 0.8, 0),
            new Kind("obert-0.6", 0.8388, 0.6, 0),
            new Kind("obert-0.7", 0.8342, 0.7, 0),
            new Kind("obert-0.8", 0.8251, 0.8, 0),
            new Kind("wanda-0.6", 0.8334, 0.6, 0),
            new Kind("rtn-int8", 0.8409, 0, 8),
            new Kind("rtn-int4", 0.8322, 0, 4),
            new Kind("gptq-int4", 0.8381, 0, 4),
            new Kind("gptq-int3", 0.8254, 0, 3)));
  }

  private static Path realistic(Path folder, List<Kind> kinds) throws IOException {
    final List<CellRecord> records = new ArrayList<>();
    final Map<CellRecord, CellTimings> timings = new LinkedHashMap<>();
    final Random random = new Random(7);
    for (Kind kind : kinds) {
      for (long seed = 1; seed <= 3; seed++) {
        final CellId id =
            new CellId(
                "quickstart",
                "all-minilm-l6-v2",
                "wordnet-supersense",
                kind.variant,
                seed,
                1,
                "dev");
        final CellRecord record =
            CellRecord.ok(id, hash(id.describe()), realResult(kind, random.nextGaussian()));
        records.add(record);
        timings.put(
            record,
            new CellTimings(
                kind.variant.equals("dense") ? 0 : 1.5 + random.nextDouble(),
                9.25,
                OptionalDouble.of(212.4),
                OptionalDouble.of(kind.bits > 0 ? 3.9 : 3.2)));
      }
    }
    final ObjectNode manifest = manifest(records);
    manifest.put("java", "17.0.15 (Debian)");
    manifest.put("cpu", "Intel Xeon, 2 cores, AVX-512");
    manifest.put("threads", 2);
    manifest.putArray("seeds").add(1).add(2).add(3);
    manifest
        .putObject("model")
        .put("name", "all-minilm-l6-v2")
        .put("sha256", hash("model"))
        .put("licence", "Apache-2.0");
    manifest.putObject("task").put("train", hash("train")).put("dev", hash("dev"));
    return write(folder, records, timings, manifest);
  }

  private static CellResult realResult(Kind kind, double noise) {
    final double accuracy = kind.accuracy + 0.004 * noise * (kind.accuracy < 0.8 ? 3 : 1);
    final long header = 9_864;
    final List<SizePart> parts = new ArrayList<>();
    parts.add(new SizePart("embeddings", "values", EMBEDDINGS * 4));
    final long encoder;
    if (kind.bits > 0) {
      final long codes = ENCODER * kind.bits / 8;
      final long scales = ENCODER / 128 * 2;
      parts.add(new SizePart("encoder", "codes", codes));
      parts.add(new SizePart("encoder", "scales", scales));
      encoder = codes + scales;
    } else if (kind.sparsity > 0) {
      final long values = Math.round(ENCODER * (1 - kind.sparsity)) * 4;
      final long masks = ENCODER / 8;
      parts.add(new SizePart("encoder", "values", values));
      parts.add(new SizePart("encoder", "masks", masks));
      encoder = values + masks;
    } else {
      parts.add(new SizePart("encoder", "values", ENCODER * 4));
      encoder = ENCODER * 4;
    }
    parts.add(new SizePart("head", "values", HEAD * 4));
    parts.add(new SizePart("rest", "values", REST * 4));
    parts.add(new SizePart("file", "header", header));
    final long bytes = parts.stream().mapToLong(SizePart::bytes).sum();
    final Map<String, Double> metrics = new LinkedHashMap<>();
    metrics.put("accuracy", accuracy);
    metrics.put("f1", accuracy - 0.013);
    metrics.put("mcc", accuracy - 0.02);
    metrics.put("loss", 1.9 - 1.6 * accuracy);
    return new CellResult(
        "accuracy",
        metrics,
        2800,
        new StoredSize(
            DENSE, ENCODER, encoder, bytes, parts, hash(kind.variant + Double.toString(noise))),
        kind.sparsity,
        kind.bits > 0 ? OptionalDouble.of(kind.bits) : OptionalDouble.empty(),
        steps(kind, encoder),
        List.of());
  }

  private static List<StepRecord> steps(Kind kind, long encoder) {
    if (kind.variant.equals("dense")) {
      return List.of();
    }
    final boolean prune = kind.sparsity > 0;
    final List<TensorRecord> tensors = new ArrayList<>();
    final List<String> names =
        List.of(
            "attention.self.query.weight",
            "attention.self.key.weight",
            "attention.self.value.weight",
            "attention.output.dense.weight",
            "intermediate.dense.weight",
            "output.dense.weight");
    for (int layer = 0; layer < 6; layer++) {
      for (String name : names) {
        tensors.add(
            new TensorRecord(
                "encoder.layer." + layer + "." + name,
                prune
                    ? "zeros by magnitude, bit mask"
                    : kind.bits + " bit, groups of 128, symmetric",
                kind.sparsity,
                encoder / 36,
                prune ? kind.sparsity * kind.sparsity / 5 : 0.3 / (1 << kind.bits),
                prune ? OptionalInt.empty() : OptionalInt.of(kind.bits)));
      }
    }
    final ObjectNode settings = Json.object();
    if (prune) {
      settings.put("method", "magnitude").put("sparsity", kind.sparsity);
    } else {
      settings.put("bits", kind.bits).put("group-size", 128).put("scheme", "symmetric");
    }
    return List.of(
        new StepRecord(
            prune ? "prune" : "quantize",
            kind.variant.substring(0, kind.variant.lastIndexOf('-')),
            settings,
            tensors));
  }
}
