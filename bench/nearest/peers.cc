// Other programs' ways to the nearest vectors, one in a process: peers NAME FOLDER [VEC0]. The
// protocol is that of bench/support/program.lua; all on one thread.
//
//     data KIND COUNT   writes base.f32 and queries.f32 into the folder
//     load              reads base.f32 and builds; gives its microseconds
//     effort N          how hard an approximate index tries (ef, probes)
//     search COUNT      times of searches for the ten nearest by the dot product
//     ids COUNT         what they found: ten numbers for each query
//     memory            resident bytes
#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFFlat.h>
#include <hnswlib/hnswlib.h>
#include <omp.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

constexpr int DIM = 384, TOP = 10, QUERIES = 200;
using vectors = std::vector<float>;

vectors read(const std::string &path)
{
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    vectors all((size_t)file.tellg() / sizeof(float));
    file.seekg(0);
    file.read((char *)all.data(), (std::streamsize)(all.size() * sizeof(float)));
    if (!file)
        throw std::runtime_error("cannot read " + path);
    return all;
}

// Directions: around centres ("groups"), with a falling spectrum as embeddings have ("spectrum"),
// or without any order ("noise").
class maker
{
  public:
    maker(const std::string &kind, size_t count) : kind(kind), centres(count / 333 + 10)
    {
        for (auto &centre : centres)
            for (int i = 0; i < DIM; i++)
                centre.push_back(normal(random));
    }

    vectors next()
    {
        vectors v(DIM);
        const vectors &centre = centres[random() % centres.size()];
        double square = 0;
        for (int i = 0; i < DIM; i++) {
            v[i] = normal(random);
            if (kind == "groups")
                v[i] = centre[i] + 0.8f * v[i];
            else if (kind == "spectrum")
                v[i] /= std::sqrt((float)i + 1);
            square += (double)v[i] * v[i];
        }
        for (float &x : v)
            x /= (float)std::sqrt(square);
        return v;
    }

  private:
    std::string kind;
    std::mt19937 random{ 7 };
    std::normal_distribution<float> normal;
    std::vector<vectors> centres;
};

void make_data(const std::string &folder, const std::string &kind, size_t count)
{
    maker make(kind, count);
    for (auto [name, size] : { std::pair<const char *, size_t>{ "base", count },
                               std::pair<const char *, size_t>{ "queries", QUERIES } }) {
        std::ofstream file(folder + "/" + name + ".f32", std::ios::binary);
        for (size_t i = 0; i < size; i++)
            file.write((const char *)make.next().data(), DIM * sizeof(float));
    }
}

struct index {
    virtual ~index() = default;
    virtual void build(vectors &&base) = 0;
    virtual void search(const float *query, long *ids) = 0;
    virtual void effort(int) {}
};

// Every product, as fast as memory gives the numbers.
struct scan : index {
    vectors base;

    void build(vectors &&all) override { base = std::move(all); }

    static float product(const float *a, const float *b)
    {
        typedef float lanes __attribute__((vector_size(64)));
        lanes x, y, first = {}, second = {};
        for (int i = 0; i < DIM; i += 32) {
            memcpy(&x, a + i, sizeof x);
            memcpy(&y, b + i, sizeof y);
            first += x * y;
            memcpy(&x, a + i + 16, sizeof x);
            memcpy(&y, b + i + 16, sizeof y);
            second += x * y;
        }
        first += second;
        float sum = 0;
        for (int i = 0; i < 16; i++)
            sum += first[i];
        return sum;
    }

    void search(const float *query, long *ids) override
    {
        std::vector<std::pair<float, long>> top;
        for (size_t i = 0; i < base.size() / DIM; i++) {
            float p = -product(query, &base[i * DIM]);
            if (top.size() == TOP && p >= top.front().first)
                continue;
            if (top.size() == TOP) {
                std::pop_heap(top.begin(), top.end());
                top.pop_back();
            }
            top.emplace_back(p, (long)i);
            std::push_heap(top.begin(), top.end());
        }
        for (size_t i = 0; i < top.size(); i++)
            ids[i] = top[i].second;
    }
};

struct hnsw : index {
    hnswlib::InnerProductSpace space{ DIM };
    std::unique_ptr<hnswlib::HierarchicalNSW<float>> graph;

    void build(vectors &&base) override
    {
        size_t count = base.size() / DIM;
        graph = std::make_unique<hnswlib::HierarchicalNSW<float>>(&space, count, 16, 200);
        for (size_t i = 0; i < count; i++)
            graph->addPoint(&base[i * DIM], i);
    }

    void effort(int ef) override { graph->setEf((size_t)ef); }

    void search(const float *query, long *ids) override
    {
        auto found = graph->searchKnn(query, TOP);
        for (int i = 0; !found.empty(); found.pop())
            ids[i++] = (long)found.top().second;
    }
};

struct faiss_flat : index {
    faiss::IndexFlatIP flat{ DIM };

    void build(vectors &&base) override
    {
        flat.add((faiss::Index::idx_t)(base.size() / DIM), base.data());
    }

    void search(const float *query, long *ids) override
    {
        float scores[TOP];
        faiss::Index::idx_t found[TOP];
        flat.search(1, query, TOP, scores, found);
        std::copy(found, found + TOP, ids);
    }
};

struct faiss_ivf : index {
    faiss::IndexFlatIP centres{ DIM };
    std::unique_ptr<faiss::IndexIVFFlat> lists;

    void build(vectors &&base) override
    {
        auto count = (faiss::Index::idx_t)(base.size() / DIM);
        auto cells = (size_t)std::sqrt((double)count);
        lists = std::make_unique<faiss::IndexIVFFlat>(&centres, DIM, cells,
                                                      faiss::METRIC_INNER_PRODUCT);
        lists->train(count, base.data());
        lists->add(count, base.data());
    }

    void effort(int probes) override { lists->nprobe = (size_t)probes; }

    void search(const float *query, long *ids) override
    {
        float scores[TOP];
        faiss::Index::idx_t found[TOP];
        lists->search(1, query, TOP, scores, found);
        std::copy(found, found + TOP, ids);
    }
};

struct vec0 : index {
    sqlite3 *db = nullptr;
    sqlite3_stmt *select = nullptr;
    std::string file;

    vec0(const std::string &folder, const char *extension) : file(folder + "/vec0.db")
    {
        unlink(file.c_str());
        char *why = nullptr;
        sqlite3_open(file.c_str(), &db);
        sqlite3_enable_load_extension(db, 1);
        if (sqlite3_load_extension(db, extension, nullptr, &why) != SQLITE_OK)
            throw std::runtime_error(why != nullptr ? why : "cannot load sqlite-vec");
        run("PRAGMA journal_mode=WAL; PRAGMA mmap_size=8000000000;"
            "CREATE VIRTUAL TABLE v USING vec0(e float[384] distance_metric=cosine)");
    }

    void run(const char *sql)
    {
        if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
            throw std::runtime_error(sqlite3_errmsg(db));
    }

    sqlite3_stmt *prepare(const char *sql)
    {
        sqlite3_stmt *s = nullptr;
        if (sqlite3_prepare_v2(db, sql, -1, &s, nullptr) != SQLITE_OK)
            throw std::runtime_error(sqlite3_errmsg(db));
        return s;
    }

    void build(vectors &&base) override
    {
        sqlite3_stmt *insert = prepare("INSERT INTO v (rowid, e) VALUES (?, ?)");
        run("BEGIN");
        for (size_t i = 0; i < base.size() / DIM; i++) {
            sqlite3_bind_int64(insert, 1, (sqlite3_int64)i);
            sqlite3_bind_blob(insert, 2, &base[i * DIM], DIM * sizeof(float), SQLITE_STATIC);
            sqlite3_step(insert);
            sqlite3_reset(insert);
        }
        run("COMMIT");
        sqlite3_finalize(insert);
        select = prepare("SELECT rowid FROM v WHERE e MATCH ? AND k = 10 ORDER BY distance");
    }

    void search(const float *query, long *ids) override
    {
        sqlite3_bind_blob(select, 1, query, DIM * sizeof(float), SQLITE_STATIC);
        for (int i = 0; sqlite3_step(select) == SQLITE_ROW; i++)
            ids[i] = (long)sqlite3_column_int64(select, 0);
        sqlite3_reset(select);
    }
};

std::unique_ptr<struct index> make_index(const std::string &name, const std::string &folder,
                                         const char *extension)
{
    if (name == "hnswlib")
        return std::make_unique<hnsw>();
    if (name == "faiss-flat")
        return std::make_unique<faiss_flat>();
    if (name == "faiss-ivf")
        return std::make_unique<faiss_ivf>();
    if (name == "sqlite-vec")
        return std::make_unique<vec0>(folder, extension);
    return std::make_unique<scan>();
}

double time_of(const std::function<void()> &work)
{
    auto start = std::chrono::steady_clock::now();
    work();
    auto passed = std::chrono::steady_clock::now() - start;
    return std::chrono::duration<double, std::micro>(passed).count();
}

double resident()
{
    long pages = 0, all = 0;
    std::ifstream("/proc/self/statm") >> all >> pages;
    return (double)(pages * sysconf(_SC_PAGESIZE));
}

std::string answer(struct index &at, const std::string &folder, std::istream &words)
{
    static vectors queries;
    std::ostringstream out;
    std::string work, kind;
    long count = 0, ids[TOP] = { 0 };
    words >> work;
    out << std::fixed << "ok";
    if (work == "data") {
        words >> count >> kind >> count;
        make_data(folder, kind, (size_t)count);
        return out.str();
    }
    words >> count;
    if (work == "load") {
        queries = read(folder + "/queries.f32");
        vectors base = read(folder + "/base.f32");
        out << " " << time_of([&] { at.build(std::move(base)); });
    } else if (work == "effort") {
        words >> count;
        at.effort((int)count);
    } else if (work == "memory") {
        out << " " << resident();
    }
    for (long i = 0; (work == "search" || work == "ids") && i < count; i++) {
        const float *query = &queries[(size_t)(i % QUERIES) * DIM];
        double took = time_of([&] { at.search(query, ids); });
        if (work == "search")
            out << " " << took;
        for (int j = 0; work == "ids" && j < TOP; j++)
            out << " " << ids[j];
    }
    return out.str();
}

} // namespace

int main(int argc, char **argv)
{
    std::string name = argv[1], folder = argv[2], line;
    omp_set_num_threads(1);
    try {
        auto at = make_index(name, folder, argc > 3 ? argv[3] : "");
        printf("ready %s\n", name.c_str());
        fflush(stdout);
        while (std::getline(std::cin, line)) {
            std::istringstream words(line);
            printf("%s\n", answer(*at, folder, words).c_str());
            fflush(stdout);
        }
    } catch (const std::exception &why) {
        printf("error %s\n", why.what());
        return 1;
    }
    return 0;
}
