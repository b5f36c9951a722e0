/**
 * Every type of every entry with its members, the hooks of FileSystem included, as they are promised: what is written here changes
 * with a note in CHANGELOG.md. Members stand sorted after the colon; of a union, its words in quotes.
 */
export const pinnedTypes: Readonly<Record<string, string>> = {
  forkfs: `
    BuiltinFileSystems: file gcs gs http https local memory s3;
    BuiltinOptions: file gcs gs http https local memory s3;
    BulkVerb: maxConcurrency onError progress signal;
    ByteRange: end path start;
    Bytes;
    Capabilities: append emptyDirectories exclusiveCreate ranges read rename sign write;
    Chunk: at data;
    CommonOptions: fresh idleTimeoutMs listings maxConcurrency onForeignOwner retry timeoutMs;
    CompressionName: 'brotli' 'deflate' 'gzip' 'zstd';
    CopyOptions: maxConcurrency maxDepth onError progress recursive signal;
    Descriptor: $forkfs;
    DescriptorBody: type v;
    ErrorCode: 'EACCES' 'EEXIST' 'EINVAL' 'EISDIR' 'ENOENT' 'ENOSPC' 'ENOTDIR' 'ENOTEMPTY' 'EROFS' 'ETIMEDOUT' 'FORKFS_BACKEND' 'FORKFS_CHANGED' 'FORKFS_CHECKSUM'
        'FORKFS_CLOCK_SKEW' 'FORKFS_CLOSED' 'FORKFS_CONFIG' 'FORKFS_CREDENTIALS' 'FORKFS_DESCRIPTOR' 'FORKFS_FOREIGN_OWNER' 'FORKFS_INCOMPLETE'
        'FORKFS_LOCK_REENTRY' 'FORKFS_LOCK_TIMEOUT' 'FORKFS_MISSING_PEER' 'FORKFS_NETWORK' 'FORKFS_NOT_ALLOWED' 'FORKFS_NOT_LOADED' 'FORKFS_NOT_SUPPORTED'
        'FORKFS_OUTCOME_UNKNOWN' 'FORKFS_PROTOCOL' 'FORKFS_RANGE' 'FORKFS_RATE_LIMITED' 'FORKFS_REGION' 'FORKFS_RESET' 'FORKFS_SAMPLE' 'FORKFS_STALE_SEGMENT'
        'FORKFS_TRUNCATED' 'FORKFS_UNCLONEABLE' 'FORKFS_UNKNOWN_PROTOCOL' 'FORKFS_UPLOAD_FAILED' 'FORKFS_WORKER_BOOTSTRAP' 'FORKFS_WORKER_CLOSED'
        'FORKFS_WORKER_DIED' 'FORKFS_WORKER_TIMEOUT';
    FileHandle: [Symbol.asyncDispose] abort close commit createReadStream path read readFile readLines readRange size stat write;
    FileInfo: created etag modified name size type;
    FileSystem: $forkfs [Symbol.asyncDispose] _abortUpload _call _checkOptions _close _concurrency _copy _delete _describe _drop _forget _here _info _iterate _lease
        _list _makedirs _maxGap _mkdir _normalize _openWriter _options _partBytes _readAll _readChunks _readRange _readStrategy _rename _rmdir _root _sign _touch
        _uploads _withheld _write abortUpload capabilities cat catFile catRanges checksum close cp createReadStream createWriteStream du exists expandPath find get
        glob head info invalidateCache isDirectory isFile isPattern list ls makedirs mkdir mv normalize open owner pipe pipeFile protocol put readBlock readText
        readable reset rm rmdir sign size stats tail toJSON token touch transaction uploads url walk withFile writable writeText static.options static.protocols
        static.verbOptions;
    FileSystemOf;
    FileSystemOptions;
    FsError: code condition operation path protocol requestId retry status;
    Implementation: options protocols;
    ImplementationLoader: install load;
    ListOptions: prefix recursive temporary;
    Mapper: $forkfs delete filesystem get getMany getRange has keys root set setMany toJSON;
    OpenFilesOptions: name num;
    OpenFlags: 'a' 'r' 'r+' 'w' 'wx';
    OpenOptions: blockBytes cache compression contentType firstBytes flag ifMatch metadata partBytes signal;
    OptionSpec: check default expected fields opaque secret;
    OptionTable;
    OwnerTag: epoch pid realm threadId;
    Progress: advance branch close setSize;
    RangeOptions: held ifMatch into signal;
    RangeRead: data etag size;
    ReadStrategyName: 'all' 'block' 'bytes' 'first' 'none' 'parts' 'readahead' 'shared';
    ReadVerb: end ifMatch signal start;
    RemoteErrorFields: output remoteStack;
    ResetReport: clients epoch finalizers instances pending;
    Retry: 'exhausted' 'may' 'never';
    RetryOptions: attempts baseMs maxMs;
    ReviveOptions: allowModules allowedProtocols;
    StagedWriter: abort commit write;
    Stats: bytesIn bytesOut requests retries sockets;
    Travel: options withheld;
    TreeVerb: maxDepth signal withDirectories;
    UnfinishedUpload: begun id path;
    UrlOptions: allowedProtocols file gcs gs http https local memory s3;
    Verb: signal;
    WriteOptions: contentType flag ifMatch metadata partBytes;`,
  'forkfs/local': `
    LocalFileSystem;
    LocalOptions: autoMkdir;`,
  'forkfs/memory': `
    MemoryFileSystem;
    MemoryOptions: name;`,
  'forkfs/http': `
    HttpFileInfo: created etag mimetype modified name partial size type url;
    HttpFileSystem;
    HttpOptions: baseUrl ca dispatcher headers transport;`,
  'forkfs/s3': `
    S3FileSystem;
    S3Options: ca checksums credentials credentialsModule dispatcher endpoint forcePathStyle kmsKeyId profile region requesterPays serverSideEncryption
        shareCredentials transport versionAware;`,
  'forkfs/gcs': `
    GcsFileSystem;
    GcsOptions: apiEndpoint ca checksums credentials credentialsModule dispatcher keyFilename kmsKeyName projectId shareCredentials transport universeDomain
        useAuthWithCustomEndpoint userProject versionAware;`,
  'forkfs/streams': `
    ObjectStream: [Symbol.asyncDispose] abort close commit createReadStream path read readFile readLines readRange reopen size stat stats write;
    RecoverOptions: allowedProtocols dryRun file gcs gs http https local memory olderThanMs s3 s3cfg signal uploads;
    RecoverReport: committed failures filesRemoved kept uploadsAborted;
    RedisOptions: ca database password timeoutMs username;
    StreamFlags: 'r' 'w' 'wx';
    StreamOptions: allowedProtocols begin contentType end file gcs gs http https local memory metadata onDispose onUploadError partBytes redis s3 s3cfg signal;
    StreamStats: bytes requests retries;
    UploadError: keptAt retryCommit;`,
  'forkfs/checkpoint': `
    Checkpoint: $forkfs [Symbol.toPrimitive] asDirectory filesystem getMetadata path setMetadata toDirectory toJSON toString updateMetadata static.fromDirectory
        static.latestComplete static.persist static.prune;
    CheckpointDirectory: [Symbol.asyncDispose] path release;
    PersistOptions: allowedProtocols file filesystem gcs gs http https local memory progress s3 signal;
    PruneOptions: filesystem keep signal;
    ReadOptions: progress requireComplete signal timeoutMs;`,
  'forkfs/memmap': `
    AllocateOptions: folder mode;
    Carrier: 'copy' 'file' 'mmap' 'shared-memory';
    NumericArray;
    ShareOptions: folder maxBytes mode;
    SharedArray: [Symbol.asyncDispose] array carrier release toJSON;
    SharingMode: 'c' 'r' 'r+';`,
  'forkfs/loader': `
    BytesSample: data shard;
    CustomReader;
    DataLoader: [Symbol.asyncDispose] [Symbol.asyncIterator] batches close state stats;
    LoaderOptions: epoch even kind onError options ordered prefetchBytes progress rank reader resume shards shuffle signal workerUrl workers worldSize;
    LoaderState: v;
    LoaderStats: bytes perWorker restarts samples skipped;
    ReaderContext: epoch index rank seed shard signal worldSize;
    SampleError: line position;
    TarSample: files key shard;
    WorkerStats: bytes owner resets samples shards;`,
  'forkfs/workers': `
    BootstrapFailure: 'exit' 'import' 'init' 'spawn' 'timeout';
    CallContext: signal;
    CallOptions: signal timeoutMs;
    CallTrace: kind module name pid threadId verb;
    PoolCallOptions: retries signal timeoutMs;
    PoolOptions: bootstrapTimeoutMs callTimeoutMs env execArgv init kind onTimeout resourceLimits sharing size workerData workerUrl;
    RemoteWorker: [Symbol.asyncDispose] alive call close load owner run store;
    RemoteWorkerOptions: bootstrapTimeoutMs callTimeoutMs env execArgv init kind onTimeout resourceLimits sharing workerData workerUrl;
    SharingOptions: folder maxBytes mode;
    WorkerBootstrapError: kind output;
    WorkerDiedError: exitCode signal stderr;
    WorkerKind: 'in-process' 'process' 'thread';
    WorkerPool: [Symbol.asyncDispose] call close size;`,
  'forkfs/testing': `
    Counters: aborted bytes faults gets inFlight operations requests sockets statuses;
    FaultAction: afterBytes applied at by bytes bytesPerTick code count early headers length message ms name of region set status text tickMs to type value;
    FaultMatch: bucket every from key method nth operation partNumber;
    FaultRule: action match times;
    FileServer: addFault clearFaults close counters delete endpoint host port put reached requests resetCounters set;
    FileServerOptions: auth contentLength etag files gzip head headers host keepAliveMs lastModified latencyMs listing port ranges redirects root;
    FileServerSwitches: auth contentLength etag gzip head headers lastModified listing ranges redirects;
    GcsBucketOptions: hierarchical location name publicRead requesterPays storageClass versioning;
    GcsCredentials: authorizedUser externalAccount impersonated serviceAccount;
    GcsServer: accessToken addFault clearFaults close counters credentials endpoint generation get host keys kill pause pid port projectId put putMany reached
        requests resetCounters resume revokeTokens setClock uploads;
    GcsServerOptions: anonymous buckets host keepAliveMs latencyMs objectWritesPerSecond port projectId rewriteBytes tokenRequests tokenSeconds;
    ListingStyle: 'absolute' 'apache' 'full' 'mixed' 'relative';
    ObjectFields: cacheControl contentDisposition contentEncoding contentLanguage contentType customTime eventBasedHold kmsKeyName metadata storageClass
        temporaryHold;
    OpenSession: key persisted uploadId;
    OpenUpload: key parts uploadId;
    Reached: faults inFlight operations sockets;
    RecordedRequest: method operation rawHeaders target;
    S3BucketOptions: name publicRead region;
    S3Credential: accessKeyId expiresAt secretAccessKey sessionToken;
    S3Server: accessKeyId addFault clearFaults close counters endpoint expireUploads get host keys kill pause pid port put putMany reached region requests
        resetCounters resume secretAccessKey sessionToken setClock setCredentials uploads;
    S3ServerOptions: anonymous buckets credentials domains host keepAliveMs latencyMs minPartBytes opaqueEtags port region versioning;
    ServiceAccountKey: client_email client_id private_key private_key_id project_id token_uri type universe_domain;
    ServiceOptions: host keepAliveMs latencyMs port;`,
  'forkfs/conformance': `
    Capability: 'append' 'emptyDirectories' 'exclusiveCreate' 'ranges' 'read' 'rename' 'sign' 'write';
    ConformanceOptions: create foldsUnicode harnesses indexPages modules opaqueKeys populate scratch secrets urls;
    HarnessName: 'direct' 'prefix' 'revived' 'worker';
    Runner: after describe it;
    Space: cleanup fs root;`
}
